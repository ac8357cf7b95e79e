using System.Diagnostics;
using System.Globalization;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>From the settings to what the dataplane starts with: defaults are worked out here.</summary>
public static class DataplanePlan
{
    private const int MbufDataBytes = 2_176, SpareMbufs = 1_024;

    /// <summary>Makes the start configuration.</summary>
    public static DataplaneConfig Make(DataplaneSettings settings, string runFolder)
    {
        PortConfig[] ports = [.. settings.Ports.Select(p => new PortConfig
        {
            Name = p.Name, Device = p.Device, MtuBytes = p.MtuBytes, Promiscuous = p.Promiscuous, RxDescriptors = p.RxDescriptors, TxDescriptors = p.TxDescriptors, Exception = p.Exception,
        })];
        IReadOnlyList<int> workers = WorkerCpus(settings);
        int mbufs = settings.Mbufs ?? MbufPlan.For(ports, workers.Count).Total + SpareMbufs;
        int dataBytes = Math.Max(MbufDataBytes, ports.Select(p => p.MtuBytes + 192).DefaultIfEmpty(0).Max());
        return new DataplaneConfig
        {
            RegionPath = Path.Combine(runFolder, "region"),
            FilePrefix = "forwarder-" + FolderHash(runFolder),
            Ports = ports,
            WorkerCpus = workers,
            HousekeepingCpu = settings.HousekeepingCpu ?? FirstCpuBut(workers),
            Hugepages = settings.Hugepages,
            MemoryMiB = settings.MemoryMiB ?? MbufPlan.MemoryMiB(mbufs, dataBytes, workers.Count, settings.FlowsPerWorker, settings.SourceAddresses),
            Mbufs = mbufs,
            FlowsPerWorker = settings.FlowsPerWorker,
            SourceAddresses = settings.SourceAddresses,
            Idle = settings.Idle,
            EalArguments = settings.EalArguments,
        };
    }

    /// <summary>Dimensions of the region that these settings need.</summary>
    public static RegionLayout Layout(DataplaneSettings settings) => new(WorkerCpus(settings).Count, settings.SnapshotSlotBytes ?? Limits.SnapshotSlotBytesDefault);

    // The same folder, the same name, also after a restart of control.
    private static string FolderHash(string folder) =>
        System.IO.Hashing.XxHash32.HashToUInt32(System.Text.Encoding.UTF8.GetBytes(Path.GetFullPath(folder))).ToString("x8", CultureInfo.InvariantCulture);

    private static IReadOnlyList<int> WorkerCpus(DataplaneSettings settings) => settings.WorkerCpus.Count > 0 ? settings.WorkerCpus : [AllowedCpus()[^1]];

    private static int FirstCpuBut(IReadOnlyList<int> workers)
    {
        int[] allowed = AllowedCpus();
        return allowed.FirstOrDefault(c => !workers.Contains(c), allowed[0]);
    }

    private static int[] AllowedCpus()
    {
        using Process self = Process.GetCurrentProcess();
        ulong mask = (ulong)self.ProcessorAffinity;
        int[] cpus = [.. Enumerable.Range(0, 64).Where(c => (mask & (1UL << c)) != 0)];
        return cpus.Length > 0 ? cpus : [0];
    }
}
