# zvc69_kernels(NAME source...): static library zvc_NAME of one kernel family.
# A file's ISA is the end of its name: foo_avx2.cpp and foo_avx512.cpp get their
# instruction set (and are left out on other processors), every other file stays
# at the platform's baseline so that the library loads on any CPU.
function(zvc69_kernels name)
  set(sources ${ARGN})
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
    list(FILTER sources EXCLUDE REGEX "_(avx2|avx512)\\.cpp$")
  endif()
  add_library(zvc_${name} STATIC ${sources})
  target_include_directories(zvc_${name} PUBLIC ${PROJECT_SOURCE_DIR}/csrc)
  target_compile_options(zvc_${name} PRIVATE -Wall -Wextra -O3 -ffp-contract=off)
  foreach(source IN LISTS sources)
    if(source MATCHES "_avx2\\.cpp$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-mavx2;-mbmi;-mbmi2;-mfma;-mf16c")
    elseif(source MATCHES "_avx512\\.cpp$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "-mavx2;-mbmi;-mbmi2;-mfma;-mf16c;-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512vnni")
    endif()
  endforeach()
endfunction()

# zvc69_cython(NAME library...): extension module zvc69.core.NAME from NAME.pyx.
function(zvc69_cython name)
  set(cpp ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  add_custom_command(
    OUTPUT ${cpp}
    COMMAND ${Python_EXECUTABLE} -m cython -3 --cplus
            ${CMAKE_CURRENT_SOURCE_DIR}/${name}.pyx -o ${cpp}
    DEPENDS ${name}.pyx
    VERBATIM)
  Python_add_library(${name} MODULE WITH_SOABI ${cpp})
  target_link_libraries(${name} PRIVATE ${ARGN} Threads::Threads)
  if(ZVC69_INPLACE)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  install(TARGETS ${name} LIBRARY DESTINATION zvc69/core)
endfunction()
