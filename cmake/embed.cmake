# Writes OUT: a C file that holds the bytes of FILES (a list of symbol=path) as arrays.
# Run as: cmake -DOUT=... "-DFILES=a=x;b=y" -P embed.cmake
set(text "/* Generated from data files by cmake/embed.cmake. */\n#include \"base/embedded.h\"\n")
foreach(pair IN LISTS FILES)
  string(REGEX MATCH "^([a-z_]+)=(.*)$" found "${pair}")
  set(symbol ${CMAKE_MATCH_1})
  file(READ "${CMAKE_MATCH_2}" hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "((0x..,){24})" "\\1\n" bytes "${bytes}")
  string(APPEND text "\nstatic const unsigned char ${symbol}_bytes[] = {\n${bytes}0};\n"
    "const alf_span embedded_${symbol} = {(const char *)${symbol}_bytes, "
    "sizeof ${symbol}_bytes - 1};\n")
endforeach()
file(WRITE "${OUT}" "${text}")
