# N3: the link stands and nothing comes over it. Silence is what counts: the link is closed and the node is
# down. It is asked again when it is heard again.
> fleet 3
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> silent n2
> wait 20000
close n2
> leave n2
> open op1 sync_all version=v2
ABSENT: 2 of 3 reachable, need 3
> speaks n2
> join n2
ready n2
> open op1 sync_all version=v2
ADMITTED: 3 of 3 reachable, need 3
write op1 OPEN
op1 is preparing
