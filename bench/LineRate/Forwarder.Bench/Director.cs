using System.Text.Json;
using Forwarder.Abi;

namespace Forwarder.Bench;

/// <summary>
/// Plays control for the dataplane: makes its region, publishes the bench's snapshot in it, and writes
/// its configuration. The generator answers the dataplane's ARP requests for the servers.
/// </summary>
public static class Director
{
    private const long SnapshotSlotBytes = 16 << 20;
    private const byte Tcp = 6, Udp = 17;

    /// <summary>Makes everything and returns the configuration's path.</summary>
    public static string Prepare(Machine machine, BenchCase @case, bool tcp, string folder)
    {
        DataplaneConfig config = new()
        {
            RegionPath = RegionPath(folder),
            FilePrefix = "forwarder-bench",
            Ports = [new PortConfig { Name = "bench", Device = "net_null0,size=60", Promiscuous = true }],
            WorkerCpus = [machine.WorkerCpu],
            HousekeepingCpu = machine.HousekeepingCpu,
            Hugepages = machine.Hugepages ? "required" : "never",
            MemoryMiB = @case.MemoryMiB,
            Mbufs = MeasuredProgram.Mbufs,
            FlowsPerWorker = @case.TableFlows,
            SourceAddresses = @case.SourcesRoom,
            Idle = "spin",
        };
        Region.Create(config.RegionPath, new RegionLayout(1, SnapshotSlotBytes));
        using Region region = Region.Open(config.RegionPath);
        if (!new SnapshotPublisher(region).TryPublish(BenchSnapshot.Make(@case, tcp ? Tcp : Udp), out _))
        {
            throw new BenchException("The new region has no free snapshot slot.");
        }

        string path = Path.Combine(folder, "dataplane.json");
        File.WriteAllText(path, JsonSerializer.Serialize(config, DataplaneConfigJson.Default.DataplaneConfig));
        return path;
    }

    /// <summary>Flows that the dataplane has taken into its table, by its own count; it has ended.</summary>
    public static long FlowsCreated(string folder)
    {
        using Region region = Region.Open(RegionPath(folder));
        return (long)region.Worker(0).Counters.FlowsCreated;
    }

    private static string RegionPath(string folder) => Path.Combine(folder, "region");
}
