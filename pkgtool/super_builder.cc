#include "pkgtool/super_builder.h"

#include <algorithm>
#include <set>

#include "format/result_code.h"
#include "installer/cli/command_line.h"
#include "installer/cli/error.h"
#include "pkgtool/verifier.h"

namespace romdelta::pkgtool {
namespace {

using cli::text_of;

constexpr const char* kDefaultName = "super";

struct Candidate {
  SuperMember member;
  Manifest manifest;
  const SuperInput* input = nullptr;
};

Candidate read_candidate(const SuperInput& input) {
  const VerifyResult result = verify_package(input.bytes, std::nullopt);
  if (result.status != Status::ok) {
    throw Error(
        Exit::bad_input, result_row(result.status).meaning,
        input.name + ": " + result.structure + " at offset " + std::to_string(result.offset_bytes),
        result_row(result.status).action);
  }
  const PackageHead& head = *result.head;
  if (head.signatures.count == 0) {
    throw Error(Exit::bad_input, "the package is not signed, and no device would take it",
                input.name, "`pkgtool sign` it first");
  }
  Candidate candidate;
  candidate.input = &input;
  candidate.manifest = head.manifest;
  if (head.manifest.source_count > 1) {
    throw Error(Exit::bad_input, "a package with several sources cannot be a member", input.name);
  }
  SuperMember& member = candidate.member;
  member.package_id = head.manifest.package_id;
  member.manifest_digest = head.manifest_digest;
  member.file_bytes = input.bytes.size();
  member.ram_bytes = head.manifest.budgets.ram_bytes;
  member.scratch_bytes = head.manifest.budgets.scratch_bytes;
  member.order = head.manifest.order;
  member.layout = head.manifest.layout;
  member.has_source = !head.manifest.is_full();
  if (member.has_source) member.source = head.manifest.sources[0];
  member.target = head.manifest.target;
  return candidate;
}

[[noreturn]] void refuse_pair(const Candidate& a, const Candidate& b, const std::string& what,
                              const std::string& hint) {
  throw Error(Exit::bad_input, what, a.input->name + ", " + b.input->name, hint);
}

void check_alternatives(const Candidate& a, const Candidate& b) {
  const std::string id = text_of(a.member.package_id.view());
  const ImageIdentity& target = a.member.target;
  const ImageIdentity& other = b.member.target;
  if (target.digest != other.digest || target.bytes != other.bytes ||
      !(target.version == other.version)) {
    refuse_pair(a, b,
                "two targets for " + id + ": " + text_of(target.version.view()) + " and " +
                    text_of(other.version.view()),
                "a super package brings each ROM package to one target");
  }
  if (a.member.layout != b.member.layout) {
    refuse_pair(a, b, "two layouts for " + id, "build them with one --layout");
  }
  if (a.member.has_source != b.member.has_source) return;
  if (!a.member.has_source || a.member.source.digest == b.member.source.digest) {
    refuse_pair(a, b,
                a.member.has_source ? "two deltas for " + id + " from one source"
                                    : "two full packages for " + id,
                "leave one out");
  }
}

// What all devices are that any of the members is for.
DeviceFilter common_filter(const std::vector<Candidate>& candidates) {
  DeviceFilter common;
  const Candidate* by_vendor = nullptr;
  const Candidate* by_model = nullptr;
  const Candidate* by_hardware = nullptr;
  const auto merge = [&](const IdentityName& name, IdentityName* into, const Candidate& candidate,
                         const Candidate** by, const char* what) {
    if (name.empty()) return;
    if (!into->empty() && !(*into == name)) {
      refuse_pair(**by, candidate, std::string("the packages are for two ") + what + "s",
                  "a super package is for one kind of device");
    }
    *into = name;
    *by = &candidate;
  };
  for (const Candidate& candidate : candidates) {
    const DeviceFilter& filter = candidate.manifest.device;
    merge(filter.vendor, &common.vendor, candidate, &by_vendor, "vendor");
    merge(filter.model, &common.model, candidate, &by_model, "model");
    if (!filter.has_hardware_range) continue;
    if (!common.has_hardware_range) {
      common.has_hardware_range = true;
      common.hardware_min = filter.hardware_min;
      common.hardware_max = filter.hardware_max;
    } else {
      common.hardware_min = std::max(common.hardware_min, filter.hardware_min);
      common.hardware_max = std::min(common.hardware_max, filter.hardware_max);
      if (common.hardware_min > common.hardware_max) {
        refuse_pair(*by_hardware, candidate, "no hardware revision suits both packages",
                    "a super package is for one kind of device");
      }
    }
    by_hardware = &candidate;
  }
  return common;
}

[[noreturn]] void refuse_name(const Candidate& candidate, const std::string& bound,
                              const std::string& name) {
  throw Error(Exit::bad_input,
              "the package installs only as a member of '" + bound + "', not of '" + name + "'",
              candidate.input->name, "give --name " + bound + ", or build it anew");
}

std::string name_of(const SuperRequest& request, const std::vector<Candidate>& candidates) {
  std::string name = request.name;
  for (const Candidate& candidate : candidates) {
    const std::string bound = text_of(candidate.manifest.member_of.view());
    if (bound.empty()) continue;
    if (!name.empty() && name != bound) refuse_name(candidate, bound, name);
    name = bound;
  }
  if (name.empty()) name = kDefaultName;
  if (!is_valid_package_id(name)) {
    throw Error(Exit::usage, "'" + name + "' is not a name", "--name",
                "use 1 to 64 of a-z 0-9 . _ - beginning with a letter or digit");
  }
  return name;
}

// As the format has them: see build_super().
void sort_members(std::vector<Candidate>* candidates) {
  std::vector<std::string> ids;
  for (const Candidate& candidate : *candidates) {
    const std::string id = text_of(candidate.member.package_id.view());
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  }
  const auto place = [&](const Candidate& candidate) {
    const auto at = std::ranges::find(ids, candidate.member.package_id.view());
    return std::tuple(candidate.member.layout == Layout::in_place, at - ids.begin(),
                      !candidate.member.has_source, candidate.member.source.digest.value);
  };
  std::ranges::stable_sort(*candidates, {}, place);
}

void check_requirements(std::vector<SuperRequirement>* requirements,
                        const std::vector<Candidate>& candidates) {
  std::ranges::sort(*requirements, {},
                    [](const SuperRequirement& r) { return r.package_id.view(); });
  for (std::size_t i = 0; i < requirements->size(); ++i) {
    const PackageId& id = (*requirements)[i].package_id;
    if (i != 0 && (*requirements)[i - 1].package_id == id) {
      throw Error(Exit::usage, text_of(id.view()) + " is required twice", "--require",
                  "give all its versions at once: ID=V1,V2");
    }
    for (const Candidate& candidate : candidates) {
      if (!(candidate.member.package_id == id)) continue;
      throw Error(Exit::usage, text_of(id.view()) + " is a member", "--require",
                  "what a member must come from, its deltas say");
    }
  }
  if (requirements->size() > limits::super_requirement_count_max) {
    throw Error(Exit::usage, "more than 32 requirements", "--require");
  }
}

}  // namespace

UnsignedSuper build_super(const SuperRequest& request) {
  if (request.packages.empty()) throw Error(Exit::usage, "a super package needs a package");
  if (request.packages.size() > limits::super_member_count_max) {
    throw Error(Exit::usage, "more than 128 packages");
  }
  std::vector<Candidate> candidates;
  for (const SuperInput& input : request.packages) candidates.push_back(read_candidate(input));
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    for (std::size_t j = i + 1; j < candidates.size(); ++j) {
      if (candidates[i].member.package_id == candidates[j].member.package_id) {
        check_alternatives(candidates[i], candidates[j]);
      }
    }
  }
  UnsignedSuper super;
  (void)super.facts.name.assign(name_of(request, candidates));
  if (!request.release.empty() &&
      (!is_valid_version(request.release) || !super.facts.release.assign(request.release))) {
    throw Error(Exit::usage, "'" + request.release + "' is not a version", "--release",
                "use 1 to 48 of A-Z a-z 0-9 . _ - + ~ :");
  }
  super.facts.device = common_filter(candidates);
  super.requirements = request.requirements;
  check_requirements(&super.requirements, candidates);
  sort_members(&candidates);
  for (const Candidate& candidate : candidates) {
    super.members.push_back(candidate.member);
    super.files.push_back(candidate.input->bytes);
    super.facts.security_counter =
        std::max(super.facts.security_counter, candidate.member.order.security_counter);
  }
  if (request.security_counter) super.facts.security_counter = *request.security_counter;
  Bytes buffer(limits::super_head_bytes_max);
  ByteWriter writer(buffer);
  encode_super_signed_part(super.facts, super.requirements, super.members, &writer);
  if (!writer.ok() || writer.offset() > package_header_bytes + limits::super_manifest_bytes_max) {
    throw Error(Exit::usage, "the directory of so many packages exceeds 32,172 bytes", {},
                "make two super packages, or leave alternatives out");
  }
  super.signed_part.assign(writer.written().begin(), writer.written().end());
  // What a device will check.
  SuperManifest parsed;
  if (parse_super_manifest(ByteSpan(super.signed_part).subspan(package_header_bytes), &parsed) !=
      Status::ok) {
    throw Error(Exit::internal, "the super manifest breaks a rule of the format");
  }
  return super;
}

Bytes assemble(const UnsignedSuper& super, const SignatureList& signatures) {
  Bytes list(signatures.encoded_bytes());
  ByteWriter writer(list);
  encode_signature_list(signatures, &writer);
  Bytes file = super.signed_part;
  file.insert(file.end(), list.begin(), list.end());
  for (const ByteSpan member : super.files) file.insert(file.end(), member.begin(), member.end());
  return file;
}

SuperRequirement parse_requirement(const std::string& text) {
  SuperRequirement requirement;
  const std::size_t equals = text.find('=');
  const std::string id = text.substr(0, equals);
  const auto refuse = [&] {
    throw Error(Exit::usage, "'" + text + "' is not a requirement", "--require",
                "give ID=VERSION or ID=VERSION,VERSION,... with at most 16 versions");
  };
  if (equals == std::string::npos || !is_valid_package_id(id) ||
      !requirement.package_id.assign(id)) {
    refuse();
  }
  std::set<std::string> versions;
  for (std::size_t at = equals + 1; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    versions.insert(text.substr(at, comma - at));
    at = comma + 1;
  }
  if (versions.size() > requirement.versions.size()) refuse();
  for (const std::string& version : versions) {
    if (!is_valid_version(version)) refuse();
    if (!requirement.versions[requirement.version_count++].assign(version)) refuse();
  }
  return requirement;
}

}  // namespace romdelta::pkgtool
