#include <algorithm>
#include <optional>
#include <thread>

#include "pkgtool/commands/commands.h"
#include "pkgtool/file.h"
#include "pkgtool/proof_report.h"
#include "pkgtool/simulated_shapes.h"

namespace romdelta::pkgtool {
namespace {

// The flash that the manifest was made for, with units of single bytes.
constexpr const char* kPackageGeometry = "package";

struct Options {
  std::string path;
  std::string source_path;
  TrustOptions trust;
  std::string geometry = kPackageGeometry;
  std::uint64_t erase_block_bytes = 0;   // 0: as the geometry has it.
  std::uint64_t program_unit_bytes = 0;  // The same.
  bool quick = false;
  bool pairs = false;
  std::string replay;
  unsigned thread_count = 0;  // 0: as many as the machine has.
  std::uint64_t seed = ProofOptions().seed;
  ReportFormat format = ReportFormat::text;
};

std::vector<std::string> geometry_names() {
  std::vector<std::string> names = {kPackageGeometry};
  for (const NamedGeometry& geometry : all_geometries()) names.push_back(geometry.name);
  return names;
}

PackageHead read_head(ByteSpan package, TrustedKeys keys, const std::string& path) {
  PackageHead head;
  const ByteSpan front = package.first(std::min(package.size(), limits::head_bytes_max));
  const Status status = verify_head(front, keys, &head);
  if (status == Status::ok) return head;
  const bool is_key = result_code(status) == ResultCode::failed_validation;
  throw Error(is_key ? Exit::key_or_signature : Exit::bad_input, result_row(status).meaning, path,
              result_row(status).action);
}

SimulatedGeometry geometry_of(const Options& options, const Manifest& manifest) {
  SimulatedGeometry geometry = {{manifest.erase_block_bytes, 1, true}, false, false};
  if (options.geometry != kPackageGeometry) geometry = *find_geometry(options.geometry);
  const auto number = [](std::uint64_t value, const char* option, std::uint32_t* result) {
    if (value == 0) return;
    if (value > limits::erase_block_bytes_max) {
      throw Error(Exit::usage, "more than any flash has", option);
    }
    *result = static_cast<std::uint32_t>(value);
  };
  FlashGeometry& flash = geometry.flash;
  number(options.erase_block_bytes, "--erase-block", &flash.erase_block_bytes);
  number(options.program_unit_bytes, "--program-unit", &flash.program_unit_bytes);
  if (flash.program_unit_bytes > limits::program_unit_bytes_max ||
      flash.erase_block_bytes % flash.program_unit_bytes != 0) {
    throw Error(Exit::usage, "an erase block must be a number of program units, of at most 4096",
                "--program-unit");
  }
  const std::uint32_t rewrite =
      flash.erase_before_program ? flash.erase_block_bytes : flash.program_unit_bytes;
  if (manifest.erase_block_bytes % rewrite != 0 ||
      manifest.group_bytes % flash.program_unit_bytes != 0) {
    throw Error(
        Exit::usage,
        "the package was built for erase blocks of " + std::to_string(manifest.erase_block_bytes) +
            " bytes",
        "--geometry " + options.geometry,
        "build it with --erase-block " + std::to_string(rewrite) + ", or prove it on other flash");
  }
  return geometry;
}

void check_source(const Options& options, const Manifest& manifest, const MappedFile* source) {
  if (manifest.is_full()) return;
  if (source == nullptr) {
    throw Error(Exit::usage, "the package is a delta: it is proven on its source", "--source",
                "give the image that it is a delta of");
  }
  if (digest_of(DigestDomain::image, source->bytes()) == manifest.sources[0].digest) return;
  throw Error(Exit::usage, "this is not the image that the package is a delta of",
              "--source " + options.source_path,
              "give the image of version " + std::string(manifest.sources[0].version.view()));
}

void replay_line(const Options& options, const ProofSubject& subject, Context& context) {
  std::string line = options.replay;
  if (line.starts_with("replay: ")) line = line.substr(8);
  const std::optional<FaultPath> path = parse_fault_path(line.substr(0, line.find(':')));
  if (!path) {
    throw Error(Exit::usage, "this is no line of faults", "--replay",
                "give what stands behind 'replay:' in a verdict");
  }
  const std::string lost = replay_faults(subject, *path);
  if (!lost.empty()) context.exit = Exit::negative_answer;
  context.out << to_string(*path) << ": " << (lost.empty() ? "nothing is lost" : lost) << '\n';
}

ProofOptions proof_options(const Options& options) {
  ProofOptions result;
  if (options.quick) {
    result.limits = {.prefixes = 2, .subsets = 8, .losses = 8, .every_style = false};
    result.second_limits = {.prefixes = 1, .subsets = 2, .losses = 2, .every_style = false};
    result.cut_places = 64;
    result.places = 8;
  }
  result.pairs = options.pairs;
  result.seed = options.seed;
  result.thread_count = options.thread_count != 0
                            ? options.thread_count
                            : std::max(1u, std::thread::hardware_concurrency());
  return result;
}

void run(const Options& options, Context& context) {
  const std::vector<PublicKey> keys = options.trust.load();
  const MappedFile package(options.path);
  const PackageHead head = read_head(package.bytes(), keys, options.path);
  std::optional<MappedFile> source;
  if (!options.source_path.empty()) source.emplace(options.source_path);
  check_source(options, head.manifest, source ? &*source : nullptr);

  ProofSubject subject;
  subject.package = package.bytes();
  if (source) subject.source = source->bytes();
  subject.keys = keys;
  ShapeOptions shape;
  shape.geometry = geometry_of(options, head.manifest);
  if (source) shape.source_bytes = source->bytes().size();
  subject.shape = shape_for(head.manifest, shape);
  if (!options.replay.empty()) return replay_line(options, subject, context);

  ProgressPrinter printer(context.progress, context.err);
  ProofOptions proof = proof_options(options);
  proof.progress = [&printer](const char* stage, std::uint64_t done, std::uint64_t total) {
    printer.update(stage, done, total);
  };
  const Verdict verdict = prove_package(subject, proof);
  printer.finish();
  if (!verdict.proven()) context.exit = Exit::negative_answer;
  const ProofSetting setting = {options.path, options.geometry, shape.geometry.flash};
  context.out << (options.format == ReportFormat::json ? proof_json(verdict, setting)
                                                       : proof_text(verdict, setting));
}

}  // namespace

void add_prove(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("prove", "Cut the power at every instant of an installation");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->path, "The package")->required();
  verb->add_option("--source", options->source_path,
                   "ROM image that the device has (a delta needs it)")
      ->type_name("OLD");
  options->trust.add_to(*verb);
  verb->add_option("--geometry", options->geometry,
                   "Kind of flash; package: what the package was built for")
      ->check(CLI::IsMember(geometry_names()))
      ->type_name("NAME")
      ->capture_default_str();
  const auto size = [&](const char* name, std::uint64_t* value, const char* help) {
    verb->add_option(name, *value, help)
        ->transform(CLI::AsSizeValue(false))
        ->transform(CLI::Validator([](std::string& text) { return cli::not_negative(text); }, ""))
        ->type_name("BYTES");
  };
  size("--erase-block", &options->erase_block_bytes, "Another erase block than the geometry's");
  size("--program-unit", &options->program_unit_bytes, "Another program unit");
  verb->add_flag("--quick", options->quick, "Some operations only, and fewer ways to fail");
  verb->add_flag("--pairs", options->pairs, "Cut each recovery at each operation, too");
  verb->add_option("--replay", options->replay, "Play one line of a verdict again")
      ->type_name("LINE");
  verb->add_option("--seed", options->seed,
                   "Of noise, and of what is chosen where not all is tried")
      ->check(cli::not_negative)
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--threads", options->thread_count, "Threads; never changes the verdict")
      ->check(cli::not_negative)
      ->type_name("N");
  cli::add_format(*verb, &options->format);
  verb->footer(
      "Installs the package on simulated flash, fails every operation in every way, boots again\n"
      "and installs again. Exit status 0: nothing is ever lost; 1: something is, with a line that\n"
      "plays it again.\n"
      "\n"
      "  pkgtool prove kernel.pku --source v1.img --trust release.pub --geometry nand");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
