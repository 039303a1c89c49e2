# The host came up without the version that it should run: its file was bad. The same version,
# ordered again, is mapped and published; what a node runs is what counts, not what it should.
> node runs=v1
> host-up runs=none
> link-up
write epoch 7
send STATE runs none, 0 open
> prepare op1 version=v1
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
send op1 applied v1
note op1 APPLIED
# With a host that is away it is enough to point: it starts with what is current.
> host-dies
send op1 failed CRASHED
> prepare op2 version=v1 generation=3
admit op2
> done
write op2 PREPARED
> written
send op2 YES 
> commit op2
write op2 COMMITTED
> written
> host-up runs=v1
send op2 applied v1
note op2 APPLIED
retire what op1 replaced
note op1 FINAL
send STATE runs v1, 1 open
# Unless it comes up without it.
> host-dies
send op2 failed CRASHED
> prepare op3 version=v1 generation=5
admit op3
> done
write op3 PREPARED
> written
send op3 YES 
> commit op3
write op3 COMMITTED
> written
> host-up runs=none
map op3
send STATE runs none, 2 open
> done
publish op3
> done
send op3 applied v1
note op3 APPLIED
retire what op2 replaced
note op2 FINAL
