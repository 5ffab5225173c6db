// SPDX-License-Identifier: Apache-2.0
//
// Usage: NAME DIRECTORY. In libFuzzer's place: each file of the directory once through the target.
// Fails when there is no file, or when the target does, by its own abort() or a sanitizer's.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: " << arguments[0] << " DIRECTORY\n";
    return 2;
  }
  int replayed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string input(std::istreambuf_iterator<char>(file), {});
    std::cerr << entry.path().filename() << '\n';
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    ++replayed;
  }
  std::cerr << replayed << " inputs\n";
  return replayed > 0 ? 0 : 1;
}
