# A compensation takes the place of what was prepared and never applied.
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
> prepare op1' kind=compensation parent=op1 version=v1 leaving=v2 generation=2
drop op1
send op1 aborted v1
note op1 ABORTED
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
> final op1'
retire what op1' replaced
note op1' FINAL
> commit op1
send op1 aborted v1
# One that is being pointed to is not in the way: it is asked again when that is written.
> node runs=v1
> host-up
> link-up
write epoch 7
send STATE runs v1, 0 open
> prepare op3 version=v2
admit op3
> done
probe op3
> done
map op3
> done
write op3 PREPARED
> written
send op3 YES 
> commit op3
write op3 COMMITTED
> prepare op3' kind=compensation parent=op3 version=v1 leaving=v2 generation=2
> written
publish op3
> prepare op3' kind=compensation parent=op3 version=v1 leaving=v2 generation=2
> done
send op3 applied v2
note op3 APPLIED
> superseded op3
note op3 FINAL
> prepare op3' kind=compensation parent=op3 version=v1 leaving=v2 generation=2
admit op3'
