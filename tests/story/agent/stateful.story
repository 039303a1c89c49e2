# A stateful reload: gates close and state moves before the pointer row; until then it can be undone.
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
> done stateful
write op1 PREPARED
> written
send op1 YES 
> commit op1
migrate op1
> cannot DRAIN
send op1 not-applied DRAIN
# It is tried again in its own time, however often it is said.
> commit op1
> wait 1000
migrate op1
> done
write op1 COMMITTED
> written
publish op1
> done
send op1 applied v2
note op1 APPLIED
# An operator's undo: what ran before is still mapped, no trial is needed.
> prepare op2 kind=undo version=v1 leaving=v2 generation=3
admit op2
> done
map op2
> done stateful
write op2 PREPARED
> written
send op2 YES 
> commit op2
migrate op2
> done
write op2 COMMITTED
> written
publish op2
> done
send op2 applied v1
note op2 APPLIED
retire what op1 replaced
note op1 FINAL
> final op2
retire what op2 replaced
note op2 FINAL
