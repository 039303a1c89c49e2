# Later versions of the module "good", each wrong in its own way, for tests on real fleets.
set(fleet ${CMAKE_BINARY_DIR}/modules/fleet)
set(fleet_modules "")
file(MAKE_DIRECTORY ${fleet})

# fleet_module(NAME VERSION options…)
function(fleet_module name version)
  add_custom_command(
    OUTPUT ${fleet}/${name}.so
    COMMAND ${cc} -o ${fleet}/${name}.so ${CMAKE_CURRENT_SOURCE_DIR}/bad/bad.c "-DBAD_VERSION=\"${version}\"" ${ARGN} -w
    DEPENDS bad/bad.c ${headers}
    VERBATIM)
  set(fleet_modules ${fleet_modules} ${fleet}/${name}.so PARENT_SCOPE)
endfunction()

fleet_module(good 1.0.0)
fleet_module(other-bytes 1.0.0 "-DBAD_IDENTITY=,.flags=2")
fleet_module(abi 2.0.1 "-DBAD_IDENTITY=,.abi_major=99")
fleet_module(symbol 2.0.2 -DBAD_MISSING_SYMBOL -Wl,-z,undefs)
fleet_module(constructor 2.0.3 -DBAD_CONSTRUCTOR "-DBAD_IDENTITY=,.flags=LOCKSTEP_MODULE_CONSTRUCTORS")
fleet_module(constructor-hidden 2.0.4 -DBAD_CONSTRUCTOR)
fleet_module(smoke 2.0.5 -DBAD_SMOKE_FAILS)
fleet_module(smoke-crashes 2.0.6 -DBAD_SMOKE_CRASHES)
fleet_module(load 2.0.7 -DBAD_LOAD_FAILS)
fleet_module(load-crashes 2.0.8 -DBAD_LOAD_CRASHES)
fleet_module(needs-absent 2.0.9 "-DBAD_IDENTITY=,.needs={{\"absent\",\"1.0.0\"}}")
fleet_module(no-descriptor 2.0.10 -DBAD_NO_DESCRIPTOR)

add_custom_target(lockstep_fleet_modules ALL DEPENDS ${fleet_modules})
