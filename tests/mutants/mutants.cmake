# Makes romdelta_installer hold all mutants of mutants.txt: the sources that have some are replaced
# by copies that make_mutants.py writes, here and whenever something changed.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(make_mutants ${CMAKE_CURRENT_LIST_DIR}/make_mutants.py)
set(mutants_list ${CMAKE_CURRENT_LIST_DIR}/mutants.txt)
set(mutants_dir ${PROJECT_BINARY_DIR}/mutated)
execute_process(
  COMMAND ${Python3_EXECUTABLE} -B ${make_mutants}
    --root ${PROJECT_SOURCE_DIR} --list ${mutants_list} --output ${mutants_dir}
  OUTPUT_VARIABLE mutated_files OUTPUT_STRIP_TRAILING_WHITESPACE
  RESULT_VARIABLE mutants_status)
if(NOT mutants_status EQUAL 0)
  message(FATAL_ERROR "The mutants do not fit the engine's sources")
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${make_mutants} ${mutants_list})
get_target_property(sources romdelta_installer SOURCES)
foreach(file ${mutated_files})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${file})
  string(REGEX REPLACE "^installer/" "" name ${file})
  list(FIND sources ${name} index)
  if(index EQUAL -1)
    message(FATAL_ERROR "${file} has mutants, but is no source of romdelta_installer")
  endif()
  list(REMOVE_AT sources ${index})
  list(INSERT sources ${index} ${mutants_dir}/${file})
endforeach()
set_property(TARGET romdelta_installer PROPERTY SOURCES ${sources})
target_sources(romdelta_installer PRIVATE
  ${CMAKE_CURRENT_LIST_DIR}/mutant.cc ${CMAKE_CURRENT_LIST_DIR}/mutant.h)
