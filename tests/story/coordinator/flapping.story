# A node that came and went too often is held: it counts, and is not contacted, until it has stayed
# for long enough, or an operator trusts it again. A link that breaks for a moment is no flap.
> fleet 3
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> leave n2
> join n2
ready n2
> leave n2
> wait 20000
> join n2
ready n2
> leave n2
> wait 20000
> join n2
ready n2
> leave n2
> wait 20000
> join n2
> open op1 sync_all version=v2
ABSENT: 2 of 3 reachable, need 3
> open op1 quorum version=v2
ADMITTED: 2 of 3 reachable, need 2
write op1 OPEN
op1 is preparing
> leave n2
> join n2
> wait 599000
> wait 3000
ready n2
> leave n2
> wait 20000
> join n2
ready n2
> leave n2
> wait 20000
> join n2
ready n2
> leave n2
> wait 20000
> join n2
> release n2
ready n2
