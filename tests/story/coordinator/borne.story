# A quorum of five bears one that crashes and one that is lost; both are owed the version when it has
# succeeded. A crash stays a crash while it is watched, also when the host is back with the version.
> fleet 5
> join n0
ready n0
> join n1
ready n1
> join n2
ready n2
> join n3
ready n3
> join n4
ready n4
> open op1 quorum version=v2 soak=1000
ADMITTED: 5 of 5 reachable, need 3
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
send n2 op1 PREPARE v2
send n3 op1 PREPARE v2
send n4 op1 PREPARE v2
op1 is preparing
> n0 yes op1
op1 is preparing
> n1 yes op1
op1 is preparing
> n2 yes op1
op1 is preparing
> n3 yes op1
op1 is preparing
> n4 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n1 op1 commit
send n2 op1 commit
send n3 op1 commit
send n4 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 applied op1
op1 is committing
> n2 applied op1
op1 is committing
> n3 failed op1 CRASHED
op1 is committing
> join n3 runs=v2 generation=1 open=op1
answer n3 op1 commit
ready n3
> wait 1500
send n4 op1 commit
send n4 op1 commit
send n4 op1 commit
op1 is soaking
> wait 1000
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded-partial
send n3 op1 PREPARE v2
send n4 op1 PREPARE v2
> join n3 runs=v2 generation=1
op1 is succeeded-partial
ready n3
> join n4 open=op1
send n4 op1 commit
op1 is succeeded-partial
answer n4 op1 commit
ready n4
> n4 applied op1
op1 is succeeded
