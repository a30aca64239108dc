#include "pkgtool/commands/build.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "pkgtool/device_filter.h"
#include "pkgtool/file.h"
#include "pkgtool/produce.h"

namespace romdelta::pkgtool {
namespace {

DeviceFilter device_filter(const BuildOptions& options) {
  DeviceFilter filter;
  const auto name = [](const std::string& text, const char* option, IdentityName* result) {
    if (text.empty() || parse_name(text, result)) return;
    throw Error(Exit::usage, "'" + text + "' is not a name", option, kNameHint);
  };
  name(options.vendor, "--vendor", &filter.vendor);
  name(options.model, "--model", &filter.model);
  if (!options.hardware.empty() && !parse_hardware(options.hardware, &filter)) {
    throw Error(Exit::usage, "'" + options.hardware + "' is not a hardware range", "--hardware",
                kHardwareHint);
  }
  return filter;
}

void require(const std::string& value, const char* option) {
  if (!value.empty()) return;
  throw Error(Exit::usage, std::string(option) + " is missing", {},
              "`pkgtool build --help` has examples");
}

void check_options(const BuildOptions& options) {
  require(options.target, "--target");
  require(options.output_path, "--output");
  if (options.is_unsigned && options.signer.given()) {
    throw Error(Exit::usage, "--unsigned and a signer exclude each other");
  }
  if (!options.product_path.empty()) {
    for (const CLI::Option* option : options.package_options) {
      if (option->count() == 0) continue;
      throw Error(Exit::usage, option->get_name() + " is for one package", {},
                  "for a release PRODUCT.toml says it");
    }
    return;
  }
  require(options.package_id, "--package-id");
  require(options.target_version, "--target-version");
  if (options.source.empty() != options.source_version.empty()) {
    throw Error(Exit::usage, "--source and --source-version go together", {},
                "give both for a delta, neither for a full package");
  }
}

void build_package_file(const BuildOptions& options, Context& context) {
  const std::unique_ptr<Signer> signer = options.make_signer();
  std::optional<MappedFile> source;
  if (!options.source.empty()) source.emplace(options.source);
  const MappedFile target(options.target);

  BuildRequest request;
  request.package_id = options.package_id;
  if (source) request.source = SourceImage{source->bytes(), options.source_version};
  request.target = target.bytes();
  request.target_version = options.target_version;
  request.device = device_filter(options);
  request.order = options.order;
  request.may_downgrade = options.may_downgrade;
  request.role = options.role;
  request.member_of = options.member_of;
  if (options.codec == "zstd") request.codec = Codec::zstd;
  if (options.codec == "context") request.codec = Codec::context;
  request.use_map = options.map != "off";
  request.prove_cuts = options.prove;
  if (options.layout == "in-place") request.layout = Layout::in_place;
  request.encoder = options.encoder(options.ram_bytes, options.erase_block_bytes);
  request.encoder.program_unit_bytes = options.program_unit();
  request.encoder.scratch_bytes = options.scratch_bytes != 0
                                      ? options.scratch_bytes
                                      : scratch_blocks_default * options.erase_block_bytes;

  ProgressPrinter printer(context.progress, context.err);
  const FinishedPackage package =
      produce(request, signer.get(),
              [&printer](const char* stage, std::uint64_t done, std::uint64_t total) {
                printer.update(stage, done, total);
              });
  write_file(options.output_path, package.file);
  printer.finish();
  const bool is_full = package.manifest.is_full();
  if (source && is_full) {
    context.say("pkgtool: the delta would not be smaller: this is a full package");
  }
  context.say(options.output_path + ": " + std::to_string(package.file.size()) + " bytes, " +
              (is_full ? "full" : "delta") + ", needs " +
              std::to_string(package.manifest.budgets.ram_bytes) + " bytes of RAM");
}

// Which releases may follow which, and by whom they are signed.
template <typename Only>
void add_order_options(const Only& only, CLI::App& verb, BuildOptions* options) {
  const auto number = [&](const char* name, std::uint64_t* value, const char* help) {
    only(verb.add_option(name, *value, help)->check(cli::not_negative)->type_name("N"));
  };
  number("--security-counter", &options->order.security_counter,
         "Refused by devices on which this ROM package's counter is higher");
  number("--device-counter", &options->order.device_counter,
         "Refused by devices whose own counter is higher");
  number("--release-number", &options->order.number,
         "Place of the release among all: one before the active is a downgrade");
  only(verb.add_flag("--allow-downgrade", options->may_downgrade,
                     "Also onto devices with a later release, if the counters allow it"));
  only(verb.add_option_function<std::string>(
               "--role",
               [options](const std::string& name) {
                 options->role = name == "development" ? KeyRole::development : KeyRole::release;
               },
               "Whose keys must sign; development: for devices that are not in production")
           ->check(CLI::IsMember({"release", "development"}))
           ->type_name("ROLE"));
}

void add_package_options(CLI::App& verb, BuildOptions* options) {
  const auto only = [&](CLI::Option* option) {
    options->package_options.push_back(option->group("Of one package"));
  };
  only(verb.add_option("--package-id", options->package_id, "Which ROM package: a-z 0-9 . _ -")
           ->type_name("ID"));
  only(verb.add_option("--source-version", options->source_version, "Version of the source")
           ->type_name("V1"));
  only(verb.add_option("--target-version", options->target_version, "Version of the target")
           ->type_name("V2"));
  only(verb.add_option("--layout", options->layout,
                       "ab: into the other slot; in-place: over the source")
           ->capture_default_str()
           ->check(CLI::IsMember({"ab", "in-place"}))
           ->type_name("LAYOUT"));
  only(verb.add_option("--codec", options->codec, "How the payload is coded; auto: the smaller")
           ->capture_default_str()
           ->check(CLI::IsMember({"auto", "zstd", "context"}))
           ->type_name("CODEC"));
  only(verb.add_option("--map", options->map, "Rewrite references to what moved, where it pays")
           ->capture_default_str()
           ->check(CLI::IsMember({"auto", "off"}))
           ->type_name("MAP"));
  const auto size = [&](const char* name, std::uint64_t* value, const char* help) {
    only(verb.add_option(name, *value, help)
             ->capture_default_str()
             ->transform(CLI::AsSizeValue(false))
             ->transform(
                 CLI::Validator([](std::string& text) { return cli::not_negative(text); }, ""))
             ->type_name("BYTES"));
  };
  size("--ram", &options->ram_bytes, "Most RAM that the installer may use");
  size("--erase-block", &options->erase_block_bytes, "Erase block of the device's flash");
  size("--program-unit", &options->program_unit_bytes,
       "Program unit of the device's flash, or a multiple (in-place; 0: 512)");
  size("--scratch", &options->scratch_bytes,
       "Scratch flash of the device (in-place; 0: 8 erase blocks)");
  only(verb.add_option("--vendor", options->vendor, "Only for devices of this vendor"));
  only(verb.add_option("--model", options->model, "Only for devices of this model"));
  only(verb.add_option("--hardware", options->hardware, "Only for these hardware revisions")
           ->type_name("N|MIN-MAX"));
  only(verb.add_option("--member-of", options->member_of,
                       "Installs only as a member of the super package of this name")
           ->type_name("NAME"));
  add_order_options(only, verb, options);
}

}  // namespace

std::unique_ptr<Signer> BuildOptions::make_signer() const {
  return is_unsigned ? nullptr : signer.make();
}

std::uint32_t BuildOptions::program_unit() const {
  // What does not fit is refused by build_package(), too.
  if (program_unit_bytes != 0) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(program_unit_bytes, limits::program_unit_bytes_max + 1));
  }
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(EncoderOptions().program_unit_bytes, erase_block_bytes));
}

EncoderOptions BuildOptions::encoder(std::uint64_t ram, std::uint64_t erase_block) const {
  EncoderOptions result;
  result.ram_bytes_max = ram;
  // What does not fit is refused by build_package(), like everything above the limit.
  result.erase_block_bytes = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(erase_block, limits::erase_block_bytes_max + 1));
  result.thread_count =
      thread_count != 0 ? thread_count : std::max(1u, std::thread::hardware_concurrency());
  return result;
}

void add_build(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("build", "Build signed packages from ROM images");
  auto options = std::make_shared<BuildOptions>();
  CLI::Option* product =
      verb->add_option("PRODUCT.toml", options->product_path,
                       "Build a whole release: --source and --target are its versions there")
          ->type_name("");
  verb->add_option("--source", options->source, "ROM image (or release) that the device has")
      ->type_name("FILE");
  verb->add_option("--target", options->target, "ROM image (or release) that the device will have")
      ->type_name("FILE");
  add_package_options(*verb, options.get());
  options->package_options.push_back(
      verb->add_flag(
              "--prove", options->prove,
              "Cut the power at every operation on simulated flash; sign only if nothing is lost")
          ->group("Of one package"));
  verb->add_option("--threads", options->thread_count, "Threads; never changes the output")
      ->check(cli::not_negative)
      ->type_name("N");
  options->signer.add_to(*verb);
  verb->add_flag("--unsigned", options->is_unsigned,
                 "Leave the signature to `pkgtool sign` or `attach`");
  verb->add_flag("--full", options->with_full, "A full package beside each delta, too")
      ->needs(product)
      ->group("Of a release");
  cli::add_format(*verb, &options->format)->needs(product)->group("Of a release");
  verb->add_option("-o,--output", options->output_path, "The package, or the folder of a release")
      ->type_name("FILE.pku|DIR");
  verb->footer(
      "Without --source a full package. A delta that would not be smaller than the full package "
      "is\n"
      "replaced by it. Before the output gets its name the package is installed by the device\n"
      "engine and the result compared with the target. Sizes may end in K or M.\n\n"
      "  pkgtool build --package-id com.example.kernel --source v1.img --source-version 1 \\\n"
      "      --target v2.img --target-version 2 --key release.key -o kernel.pku\n"
      "  pkgtool build PRODUCT.toml --source 4.1.0 --target 4.2.0 --key release.key -o updates");
  verb->callback([options, &context] {
    check_options(*options);
    if (options->product_path.empty()) {
      build_package_file(*options, context);
    } else {
      build_release(*options, context);
    }
  });
}

}  // namespace romdelta::pkgtool
