# What the pointer row says cannot be published, and the coordinator goes on to something newer: the
# host is told to forget the set, which would be in the way of the next one for ever.
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
> done
write op1 COMMITTED
> written
publish op1
> restart row=COMMITTED
> link-up
> host-up runs=v1
map op1
send STATE runs v1, 1 open
> done stateful
migrate op1
> superseded op1
> cannot DRAIN
drop op1
note op1 FINAL
> prepare op1' kind=compensation parent=op1 version=v1 leaving=v2 generation=2
admit op1'
