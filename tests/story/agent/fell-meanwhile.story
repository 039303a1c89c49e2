# An undo leads to the version that runs; that one kills its host before the undo is decided, and the
# node falls back from it. COMMIT does not bring it back: with nothing behind it the host would die
# for ever.
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
> prepare op2 kind=undo version=v2 leaving=v3 generation=5
admit op2
> done
write op2 PREPARED
> written
send op2 YES 
> host-dies
send op1 failed CRASHED
> wait 100
start the host with v2
> host-up
send STATE runs v2, 2 open
> host-dies
send op1 failed CRASHED
> wait 200
start the host with v2
> host-up
send STATE runs v2, 2 open
> host-dies
send op1 failed CRASHED
write op1 FELL
> written
start the host with v1
> bad version=v2
> host-up
send op1 fell-back FELL_BACK
send STATE runs v1, 1 open
> commit op2
drop op2
send op2 fell-back FELL_BACK
note op2 ABORTED
> commit op2
send op2 fell-back FELL_BACK
> prepare op2 kind=undo version=v2 leaving=v3 generation=5
send op2 fell-back FELL_BACK
