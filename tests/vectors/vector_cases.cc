#include "tests/vectors/vector_cases.h"

#include <functional>

#include "format/chunk.h"
#include "format/inventory_record.h"
#include "format/journal_record.h"
#include "format/keyring.h"
#include "format/package.h"
#include "tests/support/keyring_maker.h"
#include "tests/support/manifest_maker.h"
#include "tests/support/package_maker.h"
#include "tests/support/super_maker.h"

namespace romdelta::test {
namespace {

using Fields = std::vector<ManifestField>;

class CaseMaker {
 public:
  std::vector<Vector> make() {
    add_heads();
    add_manifests();
    add_manifest_values();
    add_manifest_roles();
    add_manifest_maps();
    add_manifest_plans();
    add_chunks();
    add_journal_records();
    add_inventory_records();
    add_super_heads();
    add_super_manifests();
    add_keyrings();
    return std::move(vectors_);
  }

 private:
  void add(const char* kind, const char* name, Status expect, const char* why, Bytes bytes) {
    vectors_.push_back({kind, name, expect, why, std::move(bytes)});
  }

  static Bytes head_by(std::initializer_list<std::uint8_t> numbers) {
    std::vector<TestKey> keys;
    for (const std::uint8_t number : numbers) keys.push_back(test_key(number));
    return make_head(sample_manifest(), keys);
  }
  static Bytes changed(Bytes bytes, std::size_t at, unsigned value) {
    bytes[at] = static_cast<std::uint8_t>(value);
    return bytes;
  }
  static Bytes first(Bytes bytes, std::size_t count) {
    bytes.resize(count);
    return bytes;
  }

  void add_heads() {
    const Bytes good = head_by({1});
    const std::size_t list = good.size() - 4 - 72;
    add("head", "signed", Status::ok, "one signature by the trusted key", good);
    add("head", "signed_by_two", Status::ok, "a stranger's signature does no harm",
        head_by({1, 2}));
    add("head", "followed_by_payload", Status::ok, "the head ends where it says",
        concat({good, Bytes(7, 0xee)}));
    add("head", "magic", Status::bad_magic, "the first byte is no 89", changed(good, 0, 0x88));
    add("head", "text_mode", Status::bad_magic, "CR LF became LF LF", changed(good, 4, '\n'));
    add("head", "version", Status::unsupported_format, "format version 2", changed(good, 8, 2));
    add("head", "kind", Status::unsupported_format, "document kind 2", changed(good, 10, 2));
    add("head", "manifest_empty", Status::bad_header, "manifest_bytes is 0",
        changed(changed(good, 12, 0), 13, 0));
    add("head", "manifest_too_long", Status::bad_header, "manifest_bytes is above 3500",
        changed(good, 13, 0x0e));
    add("head", "manifest_huge", Status::bad_header, "manifest_bytes is above 2^31",
        changed(good, 15, 0xff));
    add("head", "empty", Status::truncated, "no byte at all", {});
    add("head", "header_cut", Status::truncated, "15 bytes of header", first(good, 15));
    add("head", "manifest_cut", Status::truncated, "the manifest ends early", first(good, list));
    add("head", "signature_cut", Status::truncated, "one byte of the signature is missing",
        first(good, good.size() - 1));
    add("head", "signatures_none", Status::unknown_key, "a package that waits for its signature",
        head_by({}));
    add("head", "signatures_nine", Status::bad_header, "nine signatures are too many",
        changed(good, list, 9));
    add("head", "signatures_reserved", Status::bad_header, "a reserved byte is set",
        changed(good, list + 2, 1));
    add("head", "signature_twice", Status::bad_header, "two entries by the same key",
        concat({ByteSpan(good).first(list), Bytes{2, 0, 0, 0}, ByteSpan(good).last(72),
                ByteSpan(good).last(72)}));
    add("head", "stranger", Status::unknown_key, "signed by a key that is not trusted",
        head_by({2}));
    add("head", "signature_bit", Status::bad_signature, "one bit of the signature is wrong",
        changed(good, good.size() - 1, good.back() ^ 1u));
    add("head", "manifest_bit", Status::bad_signature, "one bit of the manifest is wrong",
        changed(good, list - 1, good[list - 1] ^ 1u));
    Manifest bad = sample_manifest();
    bad.group_bytes = 0;
    const TestKey key = test_key(1);
    add("head", "authentic_but_malformed", Status::malformed_manifest,
        "a good signature over a bad manifest", make_head(bad, {&key, 1}));
  }

  void add_edited(const char* name, Status expect, const char* why,
                  const std::function<void(Fields*)>& edit) {
    Fields fields = split_fields(encoded(sample_manifest()));
    edit(&fields);
    add("manifest", name, expect, why, join_fields(fields));
  }
  static ManifestField& field(Fields* fields, std::uint16_t tag) {
    for (ManifestField& candidate : *fields) {
      if (candidate.tag == tag) return candidate;
    }
    return fields->front();
  }
  static void erase(Fields* fields, std::uint16_t tag) {
    std::erase_if(*fields, [&](const ManifestField& each) { return each.tag == tag; });
  }

  void add_manifests() {
    const Status bad = Status::malformed_manifest;
    add_edited("delta", Status::ok, "every field that version 1 knows", [](Fields*) {});
    add_edited("full", Status::ok, "no source: a full package",
               [](Fields* f) { erase(f, 0x0005); });
    add_edited("required_only", Status::ok, "no optional field", [](Fields* f) { f->resize(8); });
    add("manifest", "empty", bad, "no field at all", {});
    add_edited("no_package_id", bad, "field 0x0001 is missing",
               [](Fields* f) { erase(f, 0x0001); });
    add_edited("no_target", bad, "field 0x0004 is missing", [](Fields* f) { erase(f, 0x0004); });
    add_edited("no_budgets", bad, "field 0x0008 is missing", [](Fields* f) { erase(f, 0x0008); });
    add_edited("order", bad, "fields 0x0002 and 0x0003 are swapped",
               [](Fields* f) { std::swap((*f)[1], (*f)[2]); });
    add_edited("layout_twice", bad, "field 0x0002 twice",
               [](Fields* f) { f->insert(f->begin() + 1, (*f)[1]); });
    add_edited("same_source_twice", bad, "two sources of one digest",
               [](Fields* f) { f->insert(f->begin() + 4, (*f)[4]); });
    add_edited("unknown_critical", Status::unsupported_field, "field 0x001f", [](Fields* f) {
      f->insert(f->end() - 1, ManifestField{0x001f, {1}});
    });
    add_edited("unknown_ignorable", Status::ok, "field 0x8002 may be ignored", [](Fields* f) {
      f->push_back({0x8002, {1}});
    });
    add_edited("layout_2", Status::unsupported_layout, "layout 2 is reserved",
               [](Fields* f) { field(f, 0x0002).value = {2}; });
    add_edited("codec_0", Status::unsupported_codec, "there is no codec 0",
               [](Fields* f) { field(f, 0x0003).value = {0}; });
    add_edited("layout_long", bad, "a layout of two bytes", [](Fields* f) {
      field(f, 0x0002).value = {0, 0};
    });
    add_edited("id_path", bad, "a package id with a slash",
               [](Fields* f) { field(f, 0x0001).value = to_bytes("../etc"); });
    add_edited("id_upper_case", bad, "a package id with a capital",
               [](Fields* f) { field(f, 0x0001).value = to_bytes("App"); });
    add_edited("counter_0", bad, "a security counter of 0 has to be left out",
               [](Fields* f) { field(f, 0x000c).value = Bytes(8); });
    add_edited("hardware_range", bad, "hardware_min above hardware_max",
               [](Fields* f) { field(f, 0x000b).value[0] = 5; });
    Bytes cut = encoded(sample_manifest());
    cut.pop_back();
    add("manifest", "last_field_cut", bad, "a field runs past the end", cut);
  }

  void add_super_heads() {
    const RandomSuper super = sample_super();
    const auto head_by_key = [&](std::uint8_t number) {
      const TestKey key = test_key(number);
      return make_super_head(super.facts, super.requirements, super.members, {&key, 1});
    };
    const Bytes good = head_by_key(1);
    add("super_head", "signed", Status::ok, "one signature by the trusted key", good);
    add("super_head", "followed_by_members", Status::ok, "the head ends where it says",
        concat({good, Bytes(7, 0xee)}));
    add("super_head", "package", Status::unsupported_format, "document kind 1, a package",
        changed(good, 10, 1));
    add("super_head", "manifest_too_long", Status::bad_header, "manifest_bytes is above 32172",
        changed(good, 13, 0x7e));
    add("super_head", "manifest_cut", Status::truncated, "the super manifest ends early",
        first(good, good.size() / 2));
    add("super_head", "stranger", Status::unknown_key, "signed by a key that is not trusted",
        head_by_key(2));
    const ByteSpan signed_part = ByteSpan(good).first(good.size() - 4 - 72);
    SignatureList list;
    (void)list.insert(sign(test_key(1), signed_part_digest(signed_part)));
    add("super_head", "signed_as_package", Status::bad_signature,
        "a signature over the digest of domain manifest",
        concat({signed_part,
                written_by([&](ByteWriter* writer) { encode_signature_list(list, writer); })}));
  }

  void add_super(const char* name, Status expect, const char* why,
                 const std::function<void(RandomSuper*)>& change) {
    RandomSuper super = sample_super();
    change(&super);
    add("super", name, expect, why, encoded(super));
  }

  void add_super_manifests() {
    const Status bad = Status::malformed_manifest;
    add_super("sample", Status::ok, "every field that version 1 knows", [](RandomSuper*) {});
    add_super("one_member", Status::ok, "one full package and no optional field",
              [](RandomSuper* s) {
                const SuperFacts facts = s->facts;
                s->facts = {};
                s->facts.name = facts.name;
                s->requirements.clear();
                s->members = {s->members[3]};
              });
    add("super", "empty", bad, "no field at all", {});
    add_super("no_member", bad, "no member", [](RandomSuper* s) { s->members.clear(); });
    add_super("two_targets", bad, "two targets for one ROM package",
              [](RandomSuper* s) { s->members[1].target.digest.value[0] ^= 1; });
    add_super("apart", bad, "alternatives that are no neighbours",
              [](RandomSuper* s) { s->members[4].package_id = s->members[0].package_id; });
    add_super("same_source_twice", bad, "two deltas from one source",
              [](RandomSuper* s) { s->members[1].source = s->members[0].source; });
    add_super("full_before_delta", bad, "the full package is not the last alternative",
              [](RandomSuper* s) { std::swap(s->members[1], s->members[2]); });
    add_super("two_layouts", bad, "alternatives of two layouts", [](RandomSuper* s) {
      s->members.resize(3);
      s->members[2].layout = Layout::in_place;
    });
    add_super("in_place_first", bad, "a member in place before one that is not",
              [](RandomSuper* s) { std::swap(s->members[3], s->members[4]); });
    add_super("required_member", bad, "a requirement that is a member",
              [](RandomSuper* s) { s->requirements[0].package_id = s->members[0].package_id; });
    add_super("empty_file", bad, "a member of no bytes",
              [](RandomSuper* s) { s->members[3].file_bytes = 0; });
    const auto edited = [&](const char* name, Status expect, const char* why, auto&& edit) {
      Fields fields = split_fields(encoded(sample_super()));
      edit(&fields);
      add("super", name, expect, why, join_fields(fields));
    };
    edited("layout_2", Status::unsupported_layout, "a member of layout 2",
           [](Fields* f) { f->back().value[80] = 2; });
    edited("sources_2", bad, "a member of two sources", [](Fields* f) { f->back().value[81] = 2; });
    edited("member_long", bad, "a byte follows the last text of a member",
           [](Fields* f) { f->back().value.push_back(0); });
    edited("unknown_critical", Status::unsupported_field, "field 0x0031", [](Fields* f) {
      f->push_back({0x0031, {1}});
    });
    edited("unknown_ignorable", Status::ok, "field 0x8001 may be ignored", [](Fields* f) {
      f->push_back({0x8001, {1}});
    });
    edited("order", bad, "name and release are swapped",
           [](Fields* f) { std::swap((*f)[0], (*f)[1]); });
  }

  void add_changed(const char* name, Status expect, const char* why,
                   const std::function<void(Manifest*)>& change) {
    Manifest manifest = sample_manifest();
    change(&manifest);
    add("manifest", name, expect, why, encoded(manifest));
  }

  void add_manifest_values() {
    const Status bad = Status::malformed_manifest;
    add_changed("target_too_large", bad, "a target above 2^40 bytes",
                [](Manifest* m) { m->target.bytes = limits::image_bytes_max + 1; });
    add_changed("more_chunks_than_bytes", bad, "3 chunks for 2 bytes",
                [](Manifest* m) { m->target.bytes = 2; });
    add_changed("payload_is_tree_only", bad, "no byte is left for the chunks",
                [](Manifest* m) { m->payload_bytes = 144; });
    add_changed("payload_too_large", bad, "more than chunk_count full chunks",
                [](Manifest* m) { m->payload_bytes = 144 + 3001; });
    add_changed("empty_target_with_chunks", bad, "an empty target has no chunks",
                [](Manifest* m) { m->target.bytes = 0; });
    add_changed("empty_target", Status::ok, "an empty target without chunks", [](Manifest* m) {
      m->target.bytes = m->payload_bytes = 0;
      m->chunk_count = m->chunk_stored_bytes_max = m->chunk_decoded_bytes_max = 0;
      m->tree_root = {};
    });
    add_changed("group_not_whole_blocks", bad, "1536 is no multiple of 1024",
                [](Manifest* m) { m->group_bytes = 1536; });
    add_changed("erase_block_0", bad, "an erase block of 0 bytes",
                [](Manifest* m) { m->erase_block_bytes = 0; });
    add_changed("membership", Status::ok, "only as a member of a super package",
                [](Manifest* m) { (void)m->member_of.assign("com.example.product"); });
    add_changed("ram_too_small", bad, "ram_bytes below the formula",
                [](Manifest* m) { m->budgets.ram_bytes -= 1; });
  }

  void add_manifest_roles() {
    const Status bad = Status::malformed_manifest;
    const auto with = [this](const char* name, Status expect, const char* why, std::uint16_t tag,
                             const Bytes& value) {
      add_edited(name, expect, why, [&](Fields* f) {
        f->insert(f->end() - 1, ManifestField{tag, value});
      });
    };
    with("role_development", Status::ok, "to be signed by a development key", 0x000f, {1});
    with("role_release", bad, "role 0 has to be left out", 0x000f, {0});
    with("role_2", Status::unsupported_field, "role 2 is reserved", 0x000f, {2});
    with("role_empty", bad, "a role of no bytes", 0x000f, {});
    with("role_long", bad, "a role of two bytes", 0x000f, {1, 0});
    Bytes order(17);
    with("order_0", bad, "an order of zeros has to be left out", 0x0011, order);
    order[0] = 5;
    order[8] = 9;
    order[16] = 1;
    with("release_order", Status::ok, "device counter 5, release 9, may be a downgrade", 0x0011,
         order);
    order[16] = 2;
    with("order_flag", bad, "a flag that is neither 0 nor 1", 0x0011, order);
    order.pop_back();
    with("order_short", bad, "an order of 16 bytes", 0x0011, order);
    with("order_long", bad, "an order of 18 bytes", 0x0011, Bytes(18, 1));
  }

  // A sample with a map, which `change` changes; its RAM budget is never what is wrong.
  void add_map(const char* name, Status expect, const char* why,
               const std::function<void(Manifest*)>& change) {
    add_changed(name, expect, why, [&](Manifest* m) {
      m->codec = Codec::context;
      m->chunk_decoded_bytes_max = 0;
      m->map = {100, 20, {}};
      m->map.digest.value.fill(0x44);
      m->payload_bytes += 100;
      change(m);
      m->budgets.ram_bytes = arena_bytes_needed(*m);
    });
  }

  void add_manifest_maps() {
    const Status bad = Status::malformed_manifest;
    add_map("map", Status::ok, "an address map of 100 bytes and 20 steps", [](Manifest*) {});
    add_map("map_largest", Status::ok, "a map of 512 KiB and 32,768 steps", [](Manifest* m) {
      m->payload_bytes += limits::map_bytes_max - 100;
      m->map.bytes = limits::map_bytes_max;
      m->map.step_count = limits::map_step_count_max;
    });
    add_map("map_too_large", bad, "a map above 512 KiB", [](Manifest* m) {
      m->payload_bytes += limits::map_bytes_max + 1 - 100;
      m->map.bytes = limits::map_bytes_max + 1;
    });
    add_map("map_no_steps", bad, "a map without steps", [](Manifest* m) { m->map.step_count = 0; });
    add_map("map_too_many_steps", bad, "a map of 32,769 steps",
            [](Manifest* m) { m->map.step_count = limits::map_step_count_max + 1; });
    add_map("map_codec_zstd", bad, "a map with codec zstd",
            [](Manifest* m) { m->codec = Codec::zstd; });
    // With room for the map, which the formula does not ask for where there can be none.
    edit_last([](Fields* f) {
      ByteReader before(field(f, 0x0008).value);
      const std::uint64_t ram_bytes = before.u64() + 192 + 4416;
      ByteWriter(field(f, 0x0008).value).u64(ram_bytes);
    });
    add_map("map_full", bad, "a map in a full package", [](Manifest* m) { m->source_count = 0; });
    add_map("map_two_sources", bad, "a map in a package of two sources", [](Manifest* m) {
      m->source_count = 2;
      m->sources[1] = m->sources[0];
      m->sources[1].digest.value.fill(0x23);
    });
    add_map("map_empty_target", bad, "a map before no chunks", [](Manifest* m) {
      m->target.bytes = m->payload_bytes = 0;
      m->chunk_count = m->chunk_stored_bytes_max = 0;
      m->tree_root = {};
    });
    add_map("map_payload_too_small", bad, "no byte is left for the chunks",
            [](Manifest* m) { m->payload_bytes = 100 + 144; });
    add_map("map_payload_too_large", bad, "more than the map and chunk_count full chunks",
            [](Manifest* m) { m->payload_bytes = 100 + 144 + 3001; });
    add_map("map_ram_too_small", bad, "ram_bytes below the formula", [](Manifest*) {});
    edit_last([](Fields* f) {
      for (std::uint8_t& byte : field(f, 0x0008).value) {
        if (byte-- != 0) break;
      }
    });
    // encode_manifest() leaves a map of no bytes out.
    add_map("map_no_bytes", bad, "a map of 0 bytes has to be left out", [](Manifest*) {});
    edit_last([](Fields* f) { field(f, 0x000d).value[0] = 0; });
    add_map("map_short", bad, "a map field of 39 bytes", [](Manifest*) {});
    edit_last([](Fields* f) { field(f, 0x000d).value.pop_back(); });
    add_map("map_long", bad, "a map field of 41 bytes", [](Manifest*) {});
    edit_last([](Fields* f) { field(f, 0x000d).value.push_back(0); });
  }

  // A sample in place, which `change` changes; its RAM budget is never what is wrong.
  void add_plan(const char* name, Status expect, const char* why,
                const std::function<void(Manifest*)>& change) {
    Manifest m = sample_in_place_manifest();
    change(&m);
    m.budgets.ram_bytes = arena_bytes_needed(m);
    add("manifest", name, expect, why, encoded(m));
  }
  void add_bad_plan(const char* name, const char* why,
                    const std::function<void(Manifest*)>& change) {
    add_plan(name, Status::malformed_manifest, why, change);
  }

  void add_manifest_plans() {
    add_plan("plan", Status::ok, "a delta in place: two steps, one hole", [](Manifest*) {});
    add_plan("full_in_place", Status::ok, "a full package in place has no plan", [](Manifest* m) {
      m->source_count = 0;
      m->payload_bytes -= m->plan.bytes;
      m->plan = {};
      m->budgets.scratch_bytes = 0;
    });
    add_bad_plan("layout_in_place", "a delta in place without a plan", [](Manifest* m) {
      m->payload_bytes -= m->plan.bytes;
      m->plan = {};
      m->budgets.scratch_bytes = 0;
    });
    add_bad_plan("plan_ab", "a plan with layout A/B", [](Manifest* m) { m->layout = Layout::ab; });
    add_bad_plan("plan_full", "a plan in a full package", [](Manifest* m) { m->source_count = 0; });
    add_bad_plan("plan_codec_zstd", "a plan with codec zstd",
                 [](Manifest* m) { m->codec = Codec::zstd; });
    add_bad_plan("plan_two_sources", "a plan in a package of two sources", [](Manifest* m) {
      m->source_count = 2;
      m->sources[1] = m->sources[0];
      m->sources[1].digest.value.fill(0x23);
    });
    add_bad_plan("plan_too_large", "a plan above 1 MiB", [](Manifest* m) {
      m->payload_bytes += limits::plan_bytes_max + 1 - m->plan.bytes;
      m->plan.bytes = limits::plan_bytes_max + 1;
    });
    add_bad_plan("plan_no_steps", "a plan without steps",
                 [](Manifest* m) { m->plan.step_count = 0; });
    add_bad_plan("plan_too_many_steps", "two steps and two holes of three groups",
                 [](Manifest* m) { m->plan.hole_count = 2; });
    add_bad_plan("plan_empty_chunks", "a chunk has no step",
                 [](Manifest* m) { m->plan.chunk_steps_max = 0; });
    add_bad_plan("plan_more_chunks_than_steps", "two chunks for one step", [](Manifest* m) {
      m->plan.step_count = m->plan.chunk_steps_max = 1;
      m->plan.rewritten_bytes = 2048;
    });
    add_bad_plan("plan_chunk_steps", "a chunk of more steps than there are",
                 [](Manifest* m) { m->plan.chunk_steps_max = 3; });
    add_bad_plan("plan_rewrites_nothing", "rewritten_bytes is 0",
                 [](Manifest* m) { m->plan.rewritten_bytes = 0; });
    add_bad_plan("plan_rewrites_too_much", "more than two whole groups",
                 [](Manifest* m) { m->plan.rewritten_bytes = 4097; });
    add_bad_plan("plan_kept", "65,537 stashes at once",
                 [](Manifest* m) { m->plan.kept_count_max = limits::kept_count_max + 1; });
    add_bad_plan("plan_fragments", "65,537 fragments at once",
                 [](Manifest* m) { m->plan.fragment_count_max = limits::fragment_count_max + 1; });
    add_bad_plan("plan_reserve", "more blocks in reserve than there are",
                 [](Manifest* m) { m->plan.reserve_blocks = 7; });
    add_bad_plan("plan_unit_0", "program units of 0 bytes",
                 [](Manifest* m) { m->plan.program_unit_bytes = 0; });
    add_bad_plan("plan_unit", "program units that do not divide the block",
                 [](Manifest* m) { m->plan.program_unit_bytes = 48; });
    add_bad_plan("plan_grains", "groups that are not whole grains", [](Manifest* m) {
      m->erase_block_bytes = m->plan.program_unit_bytes = 96;
      m->group_bytes = 2016;
      m->plan.rewritten_bytes = 3952;
      m->budgets.scratch_bytes = 9600;
    });
    add_bad_plan("plan_small_blocks", "blocks of 32 bytes hold no fragment", [](Manifest* m) {
      m->erase_block_bytes = 32;
      m->plan.hole_count = 0;
    });
    add_bad_plan("plan_scratch", "scratch that is not whole blocks",
                 [](Manifest* m) { m->budgets.scratch_bytes = 4000; });
    add_bad_plan("plan_blocks", "16,385 blocks of spill",
                 [](Manifest* m) { m->budgets.scratch_bytes = 16'383 * 1024; });
    add_bad_plan("plan_ram_too_small", "ram_bytes below the formula", [](Manifest*) {});
    edit_last([](Fields* f) {
      for (std::uint8_t& byte : field(f, 0x0008).value) {
        if (byte-- != 0) break;
      }
    });
    // encode_manifest() leaves a plan of no bytes out.
    add_bad_plan("plan_no_bytes", "a plan of 0 bytes has to be left out", [](Manifest*) {});
    edit_last([](Fields* f) { field(f, 0x0010).value[0] = 0; });
    add_bad_plan("plan_short", "a plan field of 75 bytes", [](Manifest*) {});
    edit_last([](Fields* f) { field(f, 0x0010).value.pop_back(); });
    add_bad_plan("plan_long", "a plan field of 77 bytes", [](Manifest*) {});
    edit_last([](Fields* f) { field(f, 0x0010).value.push_back(0); });
    add_changed("scratch_ab", Status::malformed_manifest, "scratch with layout A/B",
                [](Manifest* m) { m->budgets.scratch_bytes = 1024; });
  }
  void edit_last(const std::function<void(Fields*)>& edit) {
    Fields fields = split_fields(vectors_.back().bytes);
    edit(&fields);
    vectors_.back().bytes = join_fields(fields);
  }

  static Bytes chunk_of(const ChunkHeader& header, std::size_t column_bytes) {
    Bytes chunk = written_by([&](ByteWriter* writer) { encode_chunk_header(header, writer); });
    chunk.resize(chunk.size() + column_bytes, 0x55);
    return chunk;
  }

  void add_chunks() {
    const Status bad = Status::malformed_chunk;
    ChunkHeader header;
    header.source_position = 300;
    header.columns = {{{1, 1}, {1, 1}, {0, 0}, {1000, 20}, {3, 3}, {5, 5}}};
    add("chunk", "sample", Status::ok, "five columns, one of them coded", chunk_of(header, 30));
    add("chunk", "no_column", Status::ok, "a header alone", Bytes(7));
    add("chunk", "empty", bad, "no byte at all", {});
    add("chunk", "short", bad, "one column byte is missing", chunk_of(header, 29));
    add("chunk", "long", bad, "one byte follows the last column", chunk_of(header, 31));
    add("chunk", "varint_long", bad, "80 00 is a long way to write 0", {0x80, 0, 0, 0, 0, 0, 0, 0});
    add("chunk", "varint_overflow", bad, "a varint of more than 64 bits",
        concat({Bytes(9, 0xff), Bytes{0x02}, Bytes(6)}));
    add("chunk", "coded_not_shorter", bad, "a coded column as long as its content",
        concat({Bytes{0, 0, 0, 0, 0, 0, 4, 4}, Bytes(4)}));
    add("chunk", "column_too_large", bad, "a column above 2^24 bytes",
        concat({Bytes{0, 0, 0, 0, 0, 0, 0x81, 0x80, 0x80, 0x08, 1}, Bytes(1)}));
    header.columns[3].raw_bytes = 1001;
    add("chunk", "decodes_into_too_much", bad, "1001 bytes where 1000 are allowed",
        chunk_of(header, 30));
  }

  static Bytes encoded(const JournalRecord& record) {
    return written_by([&](ByteWriter* writer) { encode_journal_record(record, writer); });
  }
  static Bytes encoded(const Manifest& manifest) { return test::encoded(manifest); }
  static Bytes encoded(const RandomSuper& super) { return test::encoded(super); }
  // With a checksum that is right again.
  static Bytes forged(Bytes record, std::size_t at, unsigned value) {
    record[at] = static_cast<std::uint8_t>(value);
    ByteWriter(MutableByteSpan(record).last(8)).u64(checksum_of(ByteSpan(record).first(56)).value);
    return record;
  }

  void add_journal_records() {
    const Status none = Status::no_record;
    JournalRecord record;
    record.kind = JournalKind::checkpoint;
    record.target_slot = Slot::b;
    record.next = 5;
    record.sequence = 9;
    record.manifest_digest.value.fill(0x44);
    const Bytes good = encoded(record);
    add("journal", "checkpoint", Status::ok, "chunks before 5 are in slot B", good);
    add("journal", "blank", none, "erased flash", Bytes(64, 0xff));
    add("journal", "torn", none, "the second half was not programmed",
        concat({ByteSpan(good).first(32), Bytes(32, 0xff)}));
    add("journal", "checksum", none, "one bit of the checksum is wrong",
        changed(good, 63, good[63] ^ 1u));
    add("journal", "short", none, "63 bytes", first(good, 63));
    add("journal", "kind_0", none, "there is no kind 0", forged(good, 4, 0));
    add("journal", "kind_5", none, "there is no kind 5", forged(good, 4, 5));
    add("journal", "kind_10", none, "there is no kind 10", forged(good, 4, 10));
    add("journal", "confirm", Status::ok, "a release is being confirmed", forged(good, 4, 8));
    add("journal", "keyring", Status::ok, "a keyring is being accepted", forged(good, 4, 9));
    add("journal", "confirm_in_place", Status::ok, "the update before was in place",
        forged(forged(good, 4, 8), 7, 1));
    add("journal", "step_ab", none, "a step of a package that is not in place", forged(good, 4, 4));
    add("journal", "slot_2", none, "there is no slot 2", forged(good, 5, 2));
    add("journal", "outcome", none, "an outcome that is no status", forged(good, 6, 0xff));
    add("journal", "layout_2", none, "there is no layout 2", forged(good, 7, 2));
    add("journal", "spill_ab", none, "a spill sequence of a package that is not in place",
        forged(good, 52, 1));
    add("journal", "sequence", none, "a sequence above 2^62", forged(good, 19, 0x80));
    record.layout = Layout::in_place;
    record.spill_sequence = 0x01020304;
    const Bytes checkpoint = encoded(record);
    add("journal", "checkpoint_in_place", Status::ok,
        "chunk 5 begins, spill up to 0x01020304 counts", checkpoint);
    record.kind = JournalKind::step;
    add("journal", "step", Status::ok, "steps before 5 are done", encoded(record));
    add("journal", "spill_intent", none, "a spill sequence in an intent", forged(checkpoint, 4, 1));
    add("journal", "spill_done", none, "a spill sequence in a done", forged(checkpoint, 4, 3));
  }

  void add_inventory_records() {
    const Status none = Status::no_record;
    InventoryRecord record;
    (void)record.package_id.assign("com.example.app");
    (void)record.version.assign("1.0");
    record.state = PackageState::installed;
    record.active_slot = Slot::b;
    record.image_bytes = 5000;
    const Bytes good =
        written_by([&](ByteWriter* writer) { encode_inventory_record(record, writer); });
    add("inventory", "installed", Status::ok, "version 1.0 in slot B", good);
    add("inventory", "no_id", none, "an empty package id", changed(good, 0, 0));
    add("inventory", "id_with_hole", none, "bytes after the end of the id", changed(good, 63, 'x'));
    add("inventory", "version_blank", none, "a space in the version", changed(good, 65, ' '));
    add("inventory", "slot_2", none, "there is no slot 2", changed(good, 112, 2));
    add("inventory", "state_0", none, "there is no state 0", changed(good, 113, 0));
    add("inventory", "reserved", none, "a reserved byte is set", changed(good, 119, 1));
    add("inventory", "image_too_large", none, "an image above 2^40 bytes", changed(good, 135, 1));
    add("inventory", "confirmed", Status::ok, "a confirmed release", changed(good, 113, 3));
    add("inventory", "state_5", none, "there is no state 5", changed(good, 113, 5));
    add("inventory", "key_gap", none, "a key after an empty place", changed(good, 208, 1));
    add("inventory", "key_order", none, "keys that descend",
        changed(changed(good, 200, 2), 208, 1));
    add("inventory", "short", none, "255 bytes", first(good, 255));
  }

  void add_keyring(const char* name, Status expect, const char* why,
                   const std::function<void(Keyring*)>& change, KeyNumbers signers = {1, 2}) {
    Keyring keyring = sample_keyring();
    change(&keyring);
    add("keyring", name, expect, why, signed_keyring(keyring, signers));
  }

  void add_keyrings() {
    const Status bad = Status::malformed_keyring;
    const auto same = [](Keyring*) {};
    add_keyring("two_of_three", Status::ok, "two of three root keys have signed", same);
    add_keyring("all", Status::ok, "all root keys have signed", same, {1, 2, 3});
    add_keyring("every_field", Status::ok, "every field that version 1 knows", [](Keyring* k) {
      k->version = 9;
      k->expires_seconds = 1'900'000'000;
      (void)k->revoke(test_key(70).public_key.id);
      (void)k->resets[1].package_id.assign("com.example.app");
      k->resets[1].counter = 5;
      k->reset_count = 2;
    });
    add_keyring("one_of_three", Status::threshold_missing, "one root key is not enough", same, {1});
    add_keyring("draft", Status::threshold_missing, "nobody has signed", same, {});
    add_keyring("release_keys", Status::threshold_missing, "release keys sign no keyrings", same,
                {1, 11, 12});
    add_keyring("threshold_0", bad, "a threshold of 0", [](Keyring* k) { k->threshold = 0; });
    add_keyring("threshold_4", bad, "a threshold above the number of root keys",
                [](Keyring* k) { k->threshold = 4; });
    add_keyring("version_0", bad, "there is no version 0", [](Keyring* k) { k->version = 0; });
    add_keyring("alias", bad, "one key under two ids", [](Keyring* k) {
      PublicKey alias = test_key(1).public_key;
      alias.id = test_key(99).public_key.id;
      (void)k->roots.insert(alias);
    });
    add_keyring("two_roles", bad, "a root key that is a release key",
                [](Keyring* k) { (void)k->releases.insert(test_key(1).public_key); });
    add_keyring("revoked_key", bad, "a release key that is revoked",
                [](Keyring* k) { (void)k->revoke(test_key(11).public_key.id); });
    Bytes good = signed_keyring(sample_keyring(), {1, 2});
    add("keyring", "signature_bit", Status::bad_signature, "one bit of a signature is wrong",
        changed(good, good.size() - 1, good.back() ^ 1u));
    add("keyring", "kind", Status::unsupported_format, "a package's kind", changed(good, 10, 1));
    add("keyring", "short", Status::truncated, "the last byte is missing",
        first(good, good.size() - 1));
    good.push_back(0);
    add("keyring", "long", Status::trailing_bytes, "one byte too many", good);
  }

  std::vector<Vector> vectors_;
};

}  // namespace

std::vector<Vector> vector_cases() { return CaseMaker().make(); }

}  // namespace romdelta::test
