#include <optional>

#include "pkgtool/commands/commands.h"
#include "pkgtool/file.h"
#include "pkgtool/replay.h"

namespace romdelta::pkgtool {
namespace {

struct Options {
  std::string path;
  std::string source_path;
  TrustOptions trust;
  std::string output_path;
};

void run(const Options& options, Context& context) {
  const std::vector<PublicKey> keys = options.trust.load();
  const MappedFile package(options.path);
  std::optional<MappedFile> source;
  std::optional<ByteSpan> source_bytes;
  if (!options.source_path.empty()) {
    source.emplace(options.source_path);
    source_bytes = source->bytes();
  }
  ProgressPrinter printer(context.progress, context.err);
  ReplayOptions replay_options;
  replay_options.progress = [&printer](const char* stage, std::uint64_t done, std::uint64_t total) {
    printer.update(stage, done, total);
  };
  const ReplayResult result = replay(package.bytes(), source_bytes, keys, replay_options);
  printer.finish();
  if (result.status != Status::ok) {
    context.exit = Exit::negative_answer;
    context.err << "pkgtool: refused: " << cli::describe(result.status) << ", at offset "
                << result.failed_offset_bytes << " of " << options.path << '\n'
                << "hint: " << result_row(result.status).action << '\n';
    return;
  }
  write_file(options.output_path, result.target);
  context.say(options.output_path + ": " + std::to_string(result.target.size()) + " bytes, used " +
              std::to_string(result.arena_used_bytes) + " of " +
              std::to_string(result.head->manifest.budgets.ram_bytes) + " bytes of RAM");
}

}  // namespace

void add_apply(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("apply", "Run the device engine on files");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->path, "The package")->required();
  verb->add_option("--source", options->source_path,
                   "ROM image that the device has (a delta needs it)")
      ->type_name("OLD");
  options->trust.add_to(*verb);
  verb->add_option("-o,--output", options->output_path, "The target image")
      ->type_name("OUT")
      ->required();
  verb->footer("Exit status 1, and no output, when the engine refuses the package.");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace romdelta::pkgtool
