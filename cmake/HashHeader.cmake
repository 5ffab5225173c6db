# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT: a header with the first 16 hexadecimal digits of INPUT's SHA-256, or, of more files,
# WITH, separated by commas, of all their hashes.
file(SHA256 ${INPUT} hash)
string(REPLACE "," ";" files "${WITH}")
foreach(file ${files})
  file(SHA256 ${file} more)
  string(SHA256 hash "${hash}${more}")
endforeach()
string(SUBSTRING ${hash} 0 16 hash)
file(WRITE ${OUTPUT} "#define ${NAME}_hash \"${hash}\"\n")
