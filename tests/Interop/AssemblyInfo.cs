// Two cores carry clients, servers and the director: one test at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
