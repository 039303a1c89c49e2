# An undo after `reload --again` leads to the version that ran before, not to the same one.
> node runs=v1
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
> prepare op2 version=v2 generation=3 again=yes
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
send op2 applied v2
note op2 APPLIED
retire what op1 replaced
note op1 FINAL
> prepare op3 kind=undo version=v1 leaving=v2 generation=5
admit op3
> done
map op3
> done
write op3 PREPARED
> written
send op3 YES 
> commit op3
write op3 COMMITTED
> written
publish op3
> done
send op3 applied v1
note op3 APPLIED
retire what op2 replaced
note op2 FINAL
# And no crash loop goes back on bytes that only were loaded again.
> node runs=v1
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
> prepare op2 version=v2 generation=3 again=yes
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
send op2 applied v2
note op2 APPLIED
retire what op1 replaced
note op1 FINAL
> host-dies
send op2 failed CRASHED
> wait 100
start the host with v2
> host-up
send STATE runs v2, 1 open
> host-dies
send op2 failed CRASHED
> wait 200
start the host with v2
> host-up
send STATE runs v2, 1 open
> host-dies
send op2 failed CRASHED
> wait 400
start the host with v2
