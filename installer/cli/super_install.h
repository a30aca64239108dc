// What `installer install` and `resume` do with a super package, and what they print.
#pragma once

#include <fstream>
#include <string>

#include "installer/cli/command_line.h"
#include "installer/cli/console.h"
#include "installer/super_session.h"

namespace romdelta::cli {

// How much of a file is read and pushed at once.
inline constexpr std::size_t piece_bytes = 64 << 10;

// Pushes what a Session or SuperSession wants, to the end of the file. ok when there is no more.
template <typename AnySession>
Status push_file(AnySession* session, std::ifstream* file) {
  std::vector<char> piece(piece_bytes);
  while (true) {
    const std::uint64_t offset = session->next_offset_bytes();
    file->clear();
    file->seekg(static_cast<std::streamoff>(offset));
    file->read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto got = static_cast<std::size_t>(file->gcount());
    if (got == 0) return Status::ok;
    const Status status =
        session->push(offset, {reinterpret_cast<const std::uint8_t*>(piece.data()), got});
    if (status != Status::ok && status != Status::need_input) return status;
  }
}

// One result for the whole, then a line for each ROM package.
void print_super_report(const SuperSession& session, Status status, const std::string& path);
void print_super_json(const SuperSession& session, Status status, bool is_pending);

}  // namespace romdelta::cli
