# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT: a C++ header that defines NAME, an array of INPUT's bytes.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "alignas(8) inline constexpr unsigned char ${NAME}[] = {${bytes}};\n")
