# A further host of the service comes at every point between the order and its being live: it is given the
# set, too, and nothing waits for it. Who has the set already takes it for done.
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
# While it is mapped: mapped again before the vote, for the new one may refuse it.
> host-up runs=v1
send STATE runs v1, 0 open
> done
map op1
> done
write op1 PREPARED
> written
send op1 YES 
# Between the vote and the decision.
> host-up runs=v1
send STATE runs v1, 1 open
> commit op1
map op1
> done stateful
migrate op1
# While state is carried over.
> host-up runs=v1
send STATE runs v1, 1 open
> done
write op1 COMMITTED
> written
map op1
> done stateful
migrate op1
> done
publish op1
# While it is published.
> host-up runs=v1
send STATE runs v1, 1 open
> done
map op1
> done stateful
migrate op1
> done
publish op1
> done
send op1 applied v2
note op1 APPLIED
> final op1
retire what op1 replaced
note op1 FINAL
# One that cannot be given it holds up nobody but this node.
> prepare op2 version=v3 generation=3
admit op2
> done
probe op2
> done
map op2
> done
write op2 PREPARED
> written
send op2 YES 
> host-up runs=v2
send STATE runs v2, 1 open
> commit op2
map op2
> cannot MEMORY
send op2 not-applied MEMORY
> wait 1000
map op2
> done
write op2 COMMITTED
> written
publish op2
> done
send op2 applied v3
note op2 APPLIED
