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
