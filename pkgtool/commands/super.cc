#include <algorithm>
#include <memory>

#include "installer/cli/error.h"
#include "pkgtool/commands/commands.h"
#include "pkgtool/file.h"
#include "pkgtool/super_builder.h"
#include "pkgtool/super_replay.h"
#include "pkgtool/super_report.h"

namespace romdelta::pkgtool {
namespace {

struct Options {
  std::vector<std::string> package_paths;
  std::string name;
  std::string release;
  std::uint64_t security_counter = 0;
  CLI::Option* counter = nullptr;
  std::vector<std::string> requirements;
  std::vector<std::string> sources;
  SignerOptions signer;
  bool is_unsigned = false;
  bool is_dry_run = false;
  std::string inventory_path;
  std::string output_path;
  ReportFormat format = ReportFormat::text;
};

// Files that are named ID=FILE.
class Sources {
 public:
  explicit Sources(const std::vector<std::string>& given) {
    for (const std::string& text : given) {
      const std::size_t equals = text.find('=');
      const std::string id = text.substr(0, equals);
      if (equals == std::string::npos || !is_valid_package_id(id) || images_.contains(id)) {
        throw Error(Exit::usage, "'" + text + "' names no image", "--source",
                    "give ID=FILE, once for each ROM package");
      }
      files_.push_back(std::make_unique<MappedFile>(text.substr(equals + 1)));
      images_[id] = files_.back()->bytes();
    }
  }
  const SuperSources& images() const { return images_; }

 private:
  std::vector<std::unique_ptr<MappedFile>> files_;
  SuperSources images_;
};

void check_options(const Options& options) {
  if (options.is_dry_run) {
    if (options.signer.given() || !options.output_path.empty()) {
      throw Error(Exit::usage, "--dry-run writes nothing: it takes no key and no output");
    }
    return;
  }
  if (!options.inventory_path.empty()) {
    throw Error(Exit::usage, "--inventory is for --dry-run");
  }
  if (options.format == ReportFormat::json) throw Error(Exit::usage, "--format is for --dry-run");
  if (options.output_path.empty()) throw Error(Exit::usage, "--output is missing");
  if (options.is_unsigned && options.signer.given()) {
    throw Error(Exit::usage, "--unsigned and a signer exclude each other");
  }
}

void print_dry_run(const Options& options, const UnsignedSuper& super, Context& context) {
  const Bytes file = assemble(super, {});
  const SuperVerifyResult result = verify_super_package(file, std::nullopt);
  if (options.inventory_path.empty()) {
    context.out << (options.format == ReportFormat::json ? super_json_report(result)
                                                         : super_text_report(result));
    return;
  }
  const DryRun run = dry_run(*result.head, read_inventory(options.inventory_path));
  context.out << (options.format == ReportFormat::json ? dry_run_json(*result.head, run)
                                                       : dry_run_text(*result.head, run));
  if (run.status != Status::ok) context.exit = Exit::negative_answer;
}

// With a key of its own: it is the engine that is asked, whoever signs. Members are checked with
// the keys that signed them only by those who have these.
void replay_it(const UnsignedSuper& super, const Bytes& file, const SuperSources& sources,
               TrustedKeys keys, Context& context) {
  ProgressPrinter printer(context.progress, context.err);
  const SuperReplayResult result = replay_super(
      file, sources, keys, [&printer](const char* stage, std::uint64_t done, std::uint64_t total) {
        printer.update(stage, done, total);
      });
  printer.finish();
  if (result.status != Status::ok) {
    const std::string which =
        result.failed_package.empty() ? "" : " (at " + result.failed_package + ")";
    throw Error(Exit::negative_answer,
                "the super package does not install: " + cli::describe(result.status) + which, {},
                result_row(result.status).action);
  }
  context.say("pkgtool: the engine installed " + std::to_string(result.installed_count) + " of " +
              std::to_string(super.members.size()) + " members");
}

void run(const Options& options, Context& context) {
  check_options(options);
  SuperRequest request;
  request.name = options.name;
  request.release = options.release;
  if (options.counter->count() != 0) request.security_counter = options.security_counter;
  for (const std::string& text : options.requirements) {
    request.requirements.push_back(parse_requirement(text));
  }
  std::vector<std::unique_ptr<MappedFile>> files;
  for (const std::string& path : options.package_paths) {
    files.push_back(std::make_unique<MappedFile>(path));
    request.packages.push_back({files.back()->bytes(), path});
  }
  const Sources sources(options.sources);
  std::unique_ptr<Signer> signer;
  if (!options.is_dry_run && !options.is_unsigned) signer = options.signer.make();
  const UnsignedSuper super = build_super(request);
  if (options.is_dry_run) {
    print_dry_run(options, super, context);
    return;
  }
  SignatureList signatures;
  if (signer) (void)signatures.insert(signer->sign(super.digest()));
  const Bytes file = assemble(super, signatures);
  if (!sources.images().empty()) {
    if (!signer) throw Error(Exit::usage, "--source replays what is signed: it needs a key");
    const PublicKey key = signer->public_key();
    replay_it(super, file, sources.images(), {&key, 1}, context);
  }
  write_file(options.output_path, file);
  context.say(options.output_path + ": " + std::to_string(file.size()) + " bytes, " +
              std::to_string(super.members.size()) +
              (super.members.size() == 1 ? " member" : " members"));
}

}  // namespace

void add_super(CLI::App& app, Context& context) {
  CLI::App* verb =
      app.add_subcommand("super", "Put packages together that install as one, or not at all");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->package_paths, "Signed packages, in the order of installation")
      ->required()
      ->type_name("A.pku B.pku ...");
  verb->add_option("--name", options->name,
                   "Its name (default: what the packages were built for, else super)")
      ->type_name("NAME");
  verb->add_option("--release", options->release, "A label for people")->type_name("VERSION");
  options->counter =
      verb->add_option(
              "--security-counter", options->security_counter,
              "Refused by devices whose counter is higher (default: the packages' highest)")
          ->check(cli::not_negative)
          ->type_name("N");
  verb->add_option("--require", options->requirements,
                   "A ROM package that is no member and must have one of these versions")
      ->type_name("ID=V[,V]")
      ->allow_extra_args(false);
  verb->add_option("--source", options->sources,
                   "Image that a device has: install on such a device before anything is written")
      ->type_name("ID=FILE")
      ->allow_extra_args(false);
  options->signer.add_to(*verb);
  verb->add_flag("--unsigned", options->is_unsigned,
                 "Leave the signature to `pkgtool sign` or `attach`");
  verb->add_flag("--dry-run", options->is_dry_run, "Check and say what would be made");
  verb->add_option("--inventory", options->inventory_path,
                   "With --dry-run: what a device with this inventory would do")
      ->type_name("INV.json");
  cli::add_format(*verb, &options->format);
  verb->add_option("-o,--output", options->output_path, "The super package")->type_name("FILE.pks");
  verb->footer(
      "Several packages may be for one ROM package, from different sources to the same target: "
      "the\n"
      "device takes the one that fits. Packages for the other slot are installed before those in\n"
      "place, both in the order in which they are given.\n\n"
      "  pkgtool super kernel.pku rootfs.pku mcu.pku --release 4.2.0 --key release.key -o "
      "4.2.0.pks");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
