#include "samples/ota/wbxml_codec.h"

#include <wbxml/wbxml.h>
#include <cstdlib>
#include <memory>

#include "installer/cli/error.h"
#include "samples/ota/xml_codec.h"

namespace romdelta::ota {
namespace {

using cli::Error;
using cli::Exit;

[[noreturn]] void refuse(const std::string& what, std::size_t offset) {
  throw Error(Exit::bad_input, what, "offset " + std::to_string(offset),
              "the sender must follow OMA DM 1.2");
}

// Global tokens of WBXML 1.2; a tag is any other byte.
namespace token {
constexpr std::uint8_t switch_page = 0x00;
constexpr std::uint8_t end = 0x01;
constexpr std::uint8_t entity = 0x02;
constexpr std::uint8_t inline_string = 0x03;
constexpr std::uint8_t table_string = 0x83;
constexpr std::uint8_t opaque = 0xC3;
constexpr std::uint8_t tag_mask = 0x3F;
constexpr std::uint8_t has_content = 0x40;
constexpr std::uint8_t has_attributes = 0x80;
constexpr std::uint8_t first_tag = 0x05;
}  // namespace token

class Scanner {
 public:
  explicit Scanner(std::string_view bytes) : bytes_(bytes) {}

  void scan() {
    if (u8() > 3) refuse("not a WBXML version", 0);
    // A public id of zero is followed by where in the string table its text is.
    if (number() == 0) number();
    const std::size_t charset_offset = at_;
    if (number() != kUtf8) refuse("the character set is not UTF-8", charset_offset);
    table_bytes_ = number();
    skip(table_bytes_);
    if (table_bytes_ > 0 && bytes_[at_ - 1] != '\0') {
      refuse("the string table does not end with a zero", at_);
    }
    int depth = 0;
    do {
      depth += element();
      if (depth > limits::depth) refuse("elements nest too deep", at_);
    } while (depth > 0);
    if (at_ != bytes_.size()) refuse("bytes follow the document", at_);
  }

 private:
  static constexpr std::uint32_t kUtf8 = 106;  // IANA's number.

  // One token. Returns what it does to the depth.
  int element() {
    const std::uint8_t byte = u8();
    switch (byte) {
      case token::switch_page:
        if (u8() > 1) refuse("an unknown code page", at_ - 1);
        return 0;
      case token::end:
        if (open_ == 0) refuse("an end without a beginning", at_ - 1);
        --open_;
        return -1;
      case token::entity: number(); return 0;
      case token::inline_string: {
        const std::size_t zero = bytes_.find('\0', at_);
        if (zero == std::string_view::npos) refuse("a string without an end", at_);
        skip(zero - at_ + 1);
        return 0;
      }
      case token::table_string:
        if (number() >= table_bytes_) refuse("a string outside the string table", at_);
        return 0;
      case token::opaque: skip(number()); return 0;
      default: break;
    }
    if ((byte & token::tag_mask) < token::first_tag || (byte & token::has_attributes) != 0) {
      refuse("a token that SyncML does not use", at_ - 1);
    }
    if ((byte & token::has_content) == 0) {
      if (open_ == 0) refuse("an empty document", at_ - 1);
      return 0;
    }
    ++open_;
    return 1;
  }

  std::uint8_t u8() {
    if (at_ == bytes_.size()) refuse("the document ends early", at_);
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }

  // Seven bits a byte, the most significant first.
  std::uint32_t number() {
    std::uint64_t value = 0;
    for (int i = 0; i < 5; ++i) {
      const std::uint8_t byte = u8();
      value = value << 7 | (byte & 0x7F);
      if ((byte & 0x80) == 0) {
        if (value > UINT32_MAX) break;
        return static_cast<std::uint32_t>(value);
      }
    }
    refuse("a number that is too large", at_);
  }

  void skip(std::size_t count) {
    if (count > bytes_.size() - at_) refuse("the document ends early", at_);
    at_ += count;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  std::size_t table_bytes_ = 0;
  int open_ = 0;
};

void check(WBXMLError error, const char* what) {
  if (error == WBXML_OK) return;
  throw Error(Exit::bad_input,
              std::string(what) + ": " + reinterpret_cast<const char*>(wbxml_errors_string(error)),
              "SyncML", "the sender must follow OMA DM 1.2");
}

// libwbxml2 takes pointers to bytes that it does not change.
WB_UTINY* bytes_of(std::string_view text) {
  return reinterpret_cast<WB_UTINY*>(const_cast<char*>(text.data()));
}

std::string taken(WB_UTINY* result, WB_ULONG result_bytes) {
  const std::unique_ptr<WB_UTINY, decltype(&std::free)> owner(result, &std::free);
  return {reinterpret_cast<const char*>(result), result_bytes};
}

std::string xml_to_wbxml(const std::string& xml) {
  WBXMLConvXML2WBXML* converter = nullptr;
  check(wbxml_conv_xml2wbxml_create(&converter), "no WBXML encoder");
  const std::unique_ptr<WBXMLConvXML2WBXML, decltype(&wbxml_conv_xml2wbxml_destroy)> owner(
      converter, &wbxml_conv_xml2wbxml_destroy);
  wbxml_conv_xml2wbxml_set_version(converter, WBXML_VERSION_12);
  wbxml_conv_xml2wbxml_disable_string_table(converter);
  wbxml_conv_xml2wbxml_enable_preserve_whitespaces(converter);
  WB_UTINY* result = nullptr;
  WB_ULONG result_bytes = 0;
  check(wbxml_conv_xml2wbxml_run(converter, bytes_of(xml), static_cast<WB_ULONG>(xml.size()),
                                 &result, &result_bytes),
        "the message cannot be written as WBXML");
  return taken(result, result_bytes);
}

std::string wbxml_to_xml(std::string_view bytes) {
  WBXMLConvWBXML2XML* converter = nullptr;
  check(wbxml_conv_wbxml2xml_create(&converter), "no WBXML decoder");
  const std::unique_ptr<WBXMLConvWBXML2XML, decltype(&wbxml_conv_wbxml2xml_destroy)> owner(
      converter, &wbxml_conv_wbxml2xml_destroy);
  wbxml_conv_wbxml2xml_set_gen_type(converter, WBXML_GEN_XML_COMPACT);
  wbxml_conv_wbxml2xml_set_language(converter, WBXML_LANG_SYNCML_SYNCML12);
  wbxml_conv_wbxml2xml_enable_preserve_whitespaces(converter);
  WB_UTINY* result = nullptr;
  WB_ULONG result_bytes = 0;
  check(wbxml_conv_wbxml2xml_run(converter, bytes_of(bytes), static_cast<WB_ULONG>(bytes.size()),
                                 &result, &result_bytes),
        "not a SyncML message in WBXML");
  return taken(result, result_bytes);
}

}  // namespace

void check_wbxml(std::string_view bytes) {
  if (bytes.size() > limits::message_bytes) refuse("the message is too large", 0);
  Scanner(bytes).scan();
  // The library would decode such data as a document of its own, which nothing has checked.
  for (const char* word : {"+wbxml", "devinf"}) {
    if (const std::size_t at = bytes.find(word); at != std::string_view::npos) {
      refuse("a document inside the document", at);
    }
  }
}

std::string encode_wbxml(const Message& message) { return xml_to_wbxml(encode_xml(message)); }

Message decode_wbxml(std::string_view bytes) {
  check_wbxml(bytes);
  return decode_xml(wbxml_to_xml(bytes));
}

Encoding encoding_of(std::string_view media_type) {
  const std::string_view type = media_type.substr(0, media_type.find_first_of("; "));
  if (type == xml_media_type) return Encoding::xml;
  if (type == wbxml_media_type) return Encoding::wbxml;
  throw Error(Exit::bad_input, "not a media type of OMA DM: '" + std::string(type) + "'",
              "Content-Type", std::string("use ") + xml_media_type + " or " + wbxml_media_type);
}

const char* media_type_of(Encoding encoding) {
  return encoding == Encoding::xml ? xml_media_type : wbxml_media_type;
}

std::string encode(const Message& message, Encoding encoding) {
  return encoding == Encoding::xml ? encode_xml(message) : encode_wbxml(message);
}

Message decode(std::string_view bytes, Encoding encoding) {
  return encoding == Encoding::xml ? decode_xml(bytes) : decode_wbxml(bytes);
}

}  // namespace romdelta::ota
