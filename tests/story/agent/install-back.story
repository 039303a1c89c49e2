# A first version fails after the decision: going back leads to being without the module.
> node runs=none
> host-up
> link-up
write epoch 7
send STATE runs none, 0 open
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
> prepare op1' kind=compensation parent=op1 version=none leaving=v2 generation=2
admit op1'
> done
map op1'
> done
write op1' PREPARED
> written
send op1' YES 
> commit op1'
write op1' COMMITTED
> written
publish op1'
> done
send op1' applied none
note op1' APPLIED
retire what op1 replaced
note op1 FINAL
> final op1'
retire what op1' replaced
note op1' FINAL
# What is known then is that it was taken out, and nobody goes back on that.
> prepare op2 kind=undo version=v2 leaving=none generation=4
send op2 NO NO_PREVIOUS
# It starts without it from then on.
> host-dies
> wait 100
start the host with none
> host-up
send STATE runs none, 0 open
