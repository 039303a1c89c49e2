# A host dies in the soak. The coordinator dies too before it has written that down, and says COMMIT
# again: the crash is told again, though the host is back and runs what was ordered.
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
> host-dies
send op1 failed CRASHED
> link-down
> wait 100
start the host with v2
> host-up runs=v2
> link-up epoch=8
write epoch 8
send STATE runs v2, 1 open
send op1 failed CRASHED
> commit op1 epoch=8
send op1 failed CRASHED
# The compensation leads back.
> superseded op1 epoch=8
note op1 FINAL
> prepare op1' kind=compensation parent=op1 version=v1 leaving=v2 generation=2 epoch=8
admit op1'
> done
map op1'
> done
write op1' PREPARED
> written
send op1' YES 
> commit op1' epoch=8
write op1' COMMITTED
> written
publish op1'
> done
send op1' applied v1
note op1' APPLIED
# It has not come back when COMMIT is said again.
> host-dies
send op1' failed CRASHED
> commit op1' epoch=8
send op1' failed CRASHED
# A host that came up without the version did not die of it.
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
> restart row=APPLIED
> link-up
> commit op1
> host-up runs=none
send STATE runs none, 1 open
> commit op1
send op1 failed MISMATCH
