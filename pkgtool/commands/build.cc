#include <algorithm>
#include <limits>
#include <optional>
#include <thread>

#include "pkgtool/commands/commands.h"
#include "pkgtool/file.h"
#include "pkgtool/packager.h"
#include "pkgtool/replay.h"

namespace romdelta::pkgtool {
namespace {

struct Options {
  std::string package_id;
  std::string source_path;
  std::string source_version;
  std::string target_path;
  std::string target_version;
  std::string layout = "ab";
  std::uint64_t ram_bytes = 1 << 20;
  std::uint64_t erase_block_bytes = 4096;
  std::uint64_t scratch_bytes = 0;
  std::string vendor;
  std::string model;
  std::string hardware;
  std::uint64_t security_counter = 0;
  unsigned thread_count = 0;
  bool is_unsigned = false;
  SignerOptions signer;
  std::string output_path;
};

// "3" or "2-5".
void parse_hardware(const std::string& text, DeviceFilter* filter) {
  const auto number = [&](const std::string& digits) -> std::uint32_t {
    std::uint64_t value = 0;
    if (digits.empty() || digits.size() > 10 || !CLI::detail::lexical_cast(digits, value) ||
        value > std::numeric_limits<std::uint32_t>::max()) {
      throw Error(Exit::usage, "'" + text + "' is not a hardware range", "--hardware",
                  "give a number or MIN-MAX");
    }
    return static_cast<std::uint32_t>(value);
  };
  const std::size_t dash = text.find('-');
  filter->has_hardware_range = true;
  filter->hardware_min = number(text.substr(0, dash));
  filter->hardware_max =
      dash == std::string::npos ? filter->hardware_min : number(text.substr(dash + 1));
  if (filter->hardware_min > filter->hardware_max) {
    throw Error(Exit::usage, "'" + text + "' is not a hardware range", "--hardware",
                "MIN must not exceed MAX");
  }
}

DeviceFilter device_filter(const Options& options) {
  DeviceFilter filter;
  const auto assign = [](const std::string& text, const char* option, IdentityName* name) {
    if (text.empty()) return;
    if (!is_printable(text) || !name->assign(text)) {
      throw Error(Exit::usage, "'" + text + "' is not a name", option,
                  "use 1 to 32 printable ASCII characters");
    }
  };
  assign(options.vendor, "--vendor", &filter.vendor);
  assign(options.model, "--model", &filter.model);
  if (!options.hardware.empty()) parse_hardware(options.hardware, &filter);
  return filter;
}

void check_options(const Options& options) {
  if (options.layout != "ab") {
    throw Error(Exit::usage, "this version builds ab packages only", "--layout in-place",
                "leave --layout out, or use --layout ab");
  }
  if (options.source_path.empty() != options.source_version.empty()) {
    throw Error(Exit::usage, "--source and --source-version go together", {},
                "give both for a delta, neither for a full package");
  }
  if (options.is_unsigned && options.signer.given()) {
    throw Error(Exit::usage, "--unsigned and a signer exclude each other");
  }
}

// The package must install on the strictest device and stay inside what its manifest promises.
void prove(const UnsignedPackage& package, ByteSpan signed_file, const BuildRequest& request,
           const PublicKey& key, const StageProgress& progress) {
  ReplayOptions options;
  options.progress = progress;
  std::optional<ByteSpan> source;
  if (!package.manifest.is_full()) source = request.source->bytes;
  const ReplayResult result = replay(signed_file, source, {&key, 1}, options);
  if (result.status != Status::ok) {
    throw Error(Exit::internal, std::string("the package does not install: ") +
                                    to_string(result.status) + " at offset " +
                                    std::to_string(result.failed_offset_bytes));
  }
  const Budgets& budgets = package.manifest.budgets;
  const bool kept = result.arena_used_bytes <= budgets.ram_bytes &&
                    result.flash_write_bytes <= budgets.flash_write_bytes &&
                    result.erase_count <= budgets.erase_count &&
                    result.journal_bytes <= budgets.journal_bytes;
  if (!kept) throw Error(Exit::internal, "the package exceeds its own budgets");
  if (!std::ranges::equal(result.target, request.target)) {
    throw Error(Exit::internal, "the package installs something else than the target");
  }
}

void run(const Options& options, Context& context) {
  check_options(options);
  std::unique_ptr<Signer> signer =
      options.is_unsigned ? make_key_signer(generate_key()) : options.signer.make();
  std::optional<MappedFile> source;
  if (!options.source_path.empty()) source.emplace(options.source_path);
  const MappedFile target(options.target_path);

  BuildRequest request;
  request.package_id = options.package_id;
  if (source) request.source = SourceImage{source->bytes(), options.source_version};
  request.target = target.bytes();
  request.target_version = options.target_version;
  request.device = device_filter(options);
  request.security_counter = options.security_counter;
  request.encoder.ram_bytes_max = options.ram_bytes;
  request.encoder.erase_block_bytes = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(options.erase_block_bytes, limits::erase_block_bytes_max + 1));
  request.encoder.thread_count = options.thread_count != 0
                                     ? options.thread_count
                                     : std::max(1u, std::thread::hardware_concurrency());

  ProgressPrinter printer(context.progress, context.err);
  const StageProgress progress = [&printer](const char* stage, std::uint64_t done,
                                            std::uint64_t total) {
    printer.update(stage, done, total);
  };
  const UnsignedPackage package = build_package(request, progress);
  SignatureList signatures;
  (void)signatures.insert(signer->sign(package.digest()));
  const Bytes signed_file = assemble(package, signatures);
  prove(package, signed_file, request, signer->public_key(), progress);
  const Bytes file = options.is_unsigned ? assemble(package, {}) : signed_file;
  write_file(options.output_path, file);
  printer.finish();
  const bool fell_back = request.source && package.manifest.is_full();
  if (fell_back) context.say("pkgtool: the delta would not be smaller: this is a full package");
  context.say(options.output_path + ": " + std::to_string(file.size()) + " bytes, " +
              (package.manifest.is_full() ? "full" : "delta") + ", needs " +
              std::to_string(package.manifest.budgets.ram_bytes) + " bytes of RAM");
}

}  // namespace

void add_build(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("build", "Build a signed package from ROM images");
  auto options = std::make_shared<Options>();
  verb->add_option("--package-id", options->package_id, "Which ROM package: a-z 0-9 . _ -")
      ->type_name("ID")
      ->required();
  verb->add_option("--source", options->source_path, "ROM image that the device has")
      ->type_name("FILE");
  verb->add_option("--source-version", options->source_version, "Its version")->type_name("V1");
  verb->add_option("--target", options->target_path, "ROM image that the device will have")
      ->type_name("FILE")
      ->required();
  verb->add_option("--target-version", options->target_version, "Its version")
      ->type_name("V2")
      ->required();
  verb->add_option("--layout", options->layout, "ab: into the other slot")
      ->capture_default_str()
      ->check(CLI::IsMember({"ab", "in-place"}))
      ->type_name("LAYOUT");
  const auto add_size = [&](const char* name, std::uint64_t* value, const char* help) {
    verb->add_option(name, *value, help)
        ->capture_default_str()
        ->transform(CLI::AsSizeValue(false))
        ->transform(CLI::Validator([](std::string& text) { return cli::not_negative(text); }, ""))
        ->type_name("BYTES");
  };
  add_size("--ram", &options->ram_bytes, "Most RAM that the installer may use");
  add_size("--erase-block", &options->erase_block_bytes, "Erase block of the device's flash");
  add_size("--scratch", &options->scratch_bytes, "Scratch flash of the device (ab uses none)");
  verb->add_option("--vendor", options->vendor, "Only for devices of this vendor");
  verb->add_option("--model", options->model, "Only for devices of this model");
  verb->add_option("--hardware", options->hardware, "Only for these hardware revisions")
      ->type_name("N|MIN-MAX");
  verb->add_option("--security-counter", options->security_counter,
                   "Refused by devices whose counter is higher")
      ->check(cli::not_negative)
      ->type_name("N");
  verb->add_option("--threads", options->thread_count, "Threads; never changes the output")
      ->check(cli::not_negative)
      ->type_name("N");
  options->signer.add_to(*verb);
  verb->add_flag("--unsigned", options->is_unsigned,
                 "Leave the signature to `pkgtool sign` or `attach`");
  verb->add_option("-o,--output", options->output_path, "The package")
      ->type_name("FILE.pku")
      ->required();
  verb->footer(
      "Without --source a full package. A delta that would not be smaller than the full package "
      "is\n"
      "replaced by it. Before the output gets its name the package is installed by the device\n"
      "engine and the result compared with the target. Sizes may end in K or M.\n\n"
      "  pkgtool build --package-id com.example.kernel --source v1.img --source-version 1 \\\n"
      "      --target v2.img --target-version 2 --key release.key -o kernel.pku");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
