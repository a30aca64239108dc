#include <optional>

#include "format/result_code.h"
#include "pkgtool/commands/commands.h"
#include "pkgtool/file.h"
#include "pkgtool/size_report.h"

namespace romdelta::pkgtool {
namespace {

struct Options {
  std::string path;
  std::string source_path;
  std::string target_path;
  std::string html_path;
  std::size_t top = BreakdownOptions{}.top;
  ReportFormat format = ReportFormat::text;
};

VerifyResult verify(const MappedFile& file, const std::string& path) {
  VerifyResult result = verify_package(file.bytes(), std::nullopt);
  if (result.status == Status::ok) return result;
  std::string where = path;
  if (result.head) {
    where += ": " + result.structure + " at offset " + std::to_string(result.offset_bytes);
  }
  throw Error(Exit::bad_input, result_row(result.status).meaning, where,
              result_row(result.status).action);
}

void run(const Options& options, Context& context) {
  const MappedFile package(options.path);
  const VerifyResult verified = verify(package, options.path);
  std::optional<MappedFile> source;
  if (!verified.head->manifest.is_full()) {
    if (options.source_path.empty()) {
      throw Error(Exit::usage, "the package is a delta: what it took depends on its source",
                  "--source", "give the image that it is a delta of");
    }
    source.emplace(options.source_path);
  }
  std::optional<MappedFile> target;
  if (!options.target_path.empty()) target.emplace(options.target_path);
  const SizeBreakdown breakdown = break_down(
      package.bytes(), verified, source ? source->bytes() : ByteSpan(),
      target ? std::optional(target->bytes()) : std::nullopt, BreakdownOptions{options.top});
  if (!options.html_path.empty()) write_text(options.html_path, size_html(breakdown));
  context.out << (options.format == ReportFormat::json ? size_json(breakdown)
                                                       : size_text(breakdown, options.top));
}

}  // namespace

void add_explain_size(CLI::App& app, Context& context) {
  CLI::App* verb =
      app.add_subcommand("explain-size", "Show what the bytes of a payload were spent on");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->path, "The package")->required();
  verb->add_option("--source", options->source_path,
                   "ROM image that the device has (a delta needs it)")
      ->type_name("OLD");
  verb->add_option("--target", options->target_path,
                   "ROM image that the package makes (spares decoding it twice)")
      ->type_name("NEW");
  verb->add_option("--html", options->html_path, "Write a page with a treemap, too")
      ->type_name("OUT.html");
  verb->add_option("--top", options->top, "Regions and symbols that are listed")
      ->check(cli::not_negative)
      ->type_name("N")
      ->capture_default_str();
  cli::add_format(*verb, &options->format);
  verb->footer(
      "Sections and symbols are named where the target is an ELF file, else ranges of offsets.\n"
      "Signatures are not checked: use `pkgtool verify`.\n"
      "\n"
      "  pkgtool explain-size kernel.pku --source v1.img --target v2.img --html kernel.html");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
