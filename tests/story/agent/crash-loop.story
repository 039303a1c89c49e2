# The new version kills its host: three starts in a minute, then the node goes back by itself.
> node runs=v1
> wait 1
start the host with v1
> host-up
> link-up
write epoch 7
send STATE runs v1, 0 open
> prepare op1 version=v2
admit op1
> done
probe op1
> done
map op1
> done
write op1 PREPARED
> written
send op1 YES 
> commit op1
write op1 COMMITTED
> written
publish op1
> done
send op1 applied v2
note op1 APPLIED
> host-dies
send op1 failed CRASHED
> wait 100
start the host with v2
> host-up
send STATE runs v2, 1 open
> host-dies
send op1 failed CRASHED
> wait 200
start the host with v2
> host-up
send STATE runs v2, 1 open
> host-dies
send op1 failed CRASHED
write op1 FELL
# Nothing is started before the row is written.
> wait 1000
> written
start the host with v1
> host-up
send op1 fell-back FELL_BACK
send STATE runs v1, 0 open
# The compensation finds the node where it should be.
> prepare op1' kind=compensation parent=op1 version=v1 leaving=v2 generation=2
admit op1'
> done
write op1' PREPARED
> written
send op1' YES 
> commit op1'
write op1' COMMITTED
> written
send op1' applied v1
note op1' APPLIED
# The version is refused here from now on; the driver keeps the list.
# Starts of the version that was left do not count against the next one.
> final op1'
retire what op1' replaced
note op1' FINAL
> prepare op2 version=v3 generation=5
admit op2
> done
probe op2
> done
map op2
> done
write op2 PREPARED
> written
send op2 YES 
> commit op2
write op2 COMMITTED
> written
publish op2
> done
send op2 applied v3
note op2 APPLIED
> host-dies
send op2 failed CRASHED
# Nor do starts that came to nothing, which are no crashes either.
> wait 400
start the host with v3
> host-not-started
> wait 800
start the host with v3
> host-not-started
> wait 1600
start the host with v3
> host-up
send STATE runs v3, 1 open
> host-dies
send op2 failed CRASHED
> wait 3200
start the host with v3
