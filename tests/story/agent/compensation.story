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
