# Modules that are right, for the tests of the host.
set(good ${CMAKE_BINARY_DIR}/modules/good)
set(good_modules "")
file(MAKE_DIRECTORY ${good})

# good_module(NAME SOURCE options…)
function(good_module name source)
  add_custom_command(
    OUTPUT ${good}/${name}.so
    COMMAND ${cc} -o ${good}/${name}.so ${CMAKE_CURRENT_SOURCE_DIR}/${source} -Werror ${ARGN}
    DEPENDS ${source} ${headers}
    VERBATIM)
  set(good_modules ${good_modules} ${good}/${name}.so PARENT_SCOPE)
endfunction()

good_module(echo-1 echo.c)
good_module(echo-2 echo.c "-DECHO_VERSION=\"2.0.0\"")
good_module(echo-smoke echo.c "-DECHO_VERSION=\"3.0.0\"" -DECHO_SMOKE_FAILS)
good_module(other-1 echo.c "-DECHO_NAME=\"other\"" "-DECHO_REQUIRES=\"1.0.0\"")
good_module(other-2 echo.c "-DECHO_NAME=\"other\"" "-DECHO_REQUIRES=\"2.0.0\"" "-DECHO_VERSION=\"2.0.0\"")
good_module(other-candidate echo.c "-DECHO_NAME=\"other\"" "-DECHO_REQUIRES=\"1.0.0-rc1\"")
good_module(other-counts echo.c "-DECHO_NAME=\"other\"" "-DECHO_REQUIRED=\"counter\"" "-DECHO_REQUIRES=\"\"")
good_module(echo-hangs echo.c "-DECHO_VERSION=\"3.0.0\"" -DECHO_SMOKE_HANGS)
good_module(other-stray echo.c "-DECHO_NAME=\"other\"")
good_module(counter-no-up counter.c -DCOUNTER_NO_UP)
good_module(counter-1 counter.c)
good_module(counter-2 counter.c -DCOUNTER_SCHEMA=2)

add_custom_target(lockstep_good_modules ALL DEPENDS ${good_modules})
foreach(test agent_host_embedded_test agent_host_process_test agent_host_state_test agent_host_take_out_test
        agent_host_watch_test)
  if(TARGET ${test})
    add_dependencies(${test} lockstep_good_modules lockstep-host)
    target_sources(${test} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/host_agent.c)
  endif()
endforeach()
if(TARGET agent_host_library_test)
  add_dependencies(agent_host_library_test lockstep_good_modules)
endif()
foreach(name agent_hosts_test agent_hosts_adopt_test)
  if(TARGET ${name})
    add_dependencies(${name} lockstep_good_modules lockstep-host)
    target_link_libraries(${name} PRIVATE lockstep_host)
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/hosts_node.c)
  endif()
endforeach()
