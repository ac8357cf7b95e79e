using System.Globalization;
using Forwarder.Abi;

namespace Forwarder.Dataplane;

/// <summary>Arguments for DPDK's environment abstraction layer, from the configuration and what the machine has.</summary>
public static class EalArguments
{
    private const string FreeHugepagesPath = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";

    /// <summary>lcore of a worker: lcore 0 is housekeeping.</summary>
    public static uint LcoreOf(int worker) => (uint)worker + 1;

    /// <summary>Makes the arguments.</summary>
    /// <exception cref="StartException">Hugepages are required and there are too few.</exception>
    public static List<string> Make(DataplaneConfig config)
    {
        string lcores = $"0@{config.HousekeepingCpu}" + string.Concat(config.WorkerCpus.Select((cpu, worker) => $",{LcoreOf(worker)}@{cpu}"));
        List<string> arguments = ["forwarder-dataplane", "--lcores", lcores, "--main-lcore", "0", "--file-prefix", config.FilePrefix, "--no-telemetry"];
        arguments.AddRange(Memory(config));
        if (!config.Ports.Any(p => IsPci(p.Device)))
        {
            arguments.Add("--no-pci");
        }

        foreach (PortConfig port in config.Ports)
        {
            arguments.AddRange(IsPci(port.Device) ? ["-a", port.Device] : ["--vdev", port.Device]);
        }

        arguments.AddRange(config.EalArguments);
        return arguments;
    }

    /// <summary>Whether a device is named by its PCI address (0000:01:00.0 or 01:00.0).</summary>
    public static bool IsPci(string device) => char.IsAsciiHexDigit(device[0]) && device.Contains(':', StringComparison.Ordinal) && device.Contains('.', StringComparison.Ordinal);

    /// <summary>Name by which DPDK knows the device: without arguments.</summary>
    public static string NameOf(string device) => device.Split(',')[0];

    private static IEnumerable<string> Memory(DataplaneConfig config)
    {
        string size = config.MemoryMiB.ToString(CultureInfo.InvariantCulture);
        long freeMiB = FreeHugepagesMiB();
        if (config.Hugepages == "required" && freeMiB < config.MemoryMiB)
        {
            throw new StartException($"dataplane.hugepages is \"required\", {config.MemoryMiB} MiB are needed and {freeMiB} MiB of 2 MiB pages are free: reserve more (sysctl vm.nr_hugepages) or say \"auto\".");
        }

        // In memory: nothing is left behind, whatever ends the process.
        return config.Hugepages != "never" && freeMiB >= config.MemoryMiB ? ["--in-memory", "-m", size] : ["--no-huge", "-m", size];
    }

    private static long FreeHugepagesMiB() =>
        File.Exists(FreeHugepagesPath) && Directory.Exists("/dev/hugepages") && long.TryParse(File.ReadAllText(FreeHugepagesPath).Trim(), CultureInfo.InvariantCulture, out long pages) ? pages * 2 : 0;
}
