using System.Globalization;
using Forwarder.Abi;

namespace Forwarder.Dataplane;

/// <summary>Arguments for DPDK's environment abstraction layer, from the configuration and what the machine has.</summary>
public static class EalArguments
{
    private const string HugepagesFolder = "/sys/kernel/mm/hugepages";
    private static readonly string[] s_onKernel = ["net_af_packet", "net_af_xdp", "net_pcap", "net_tap"];

    /// <summary>lcore of a worker: lcore 0 is housekeeping.</summary>
    public static uint LcoreOf(int worker) => (uint)worker + 1;

    /// <summary>Makes the arguments.</summary>
    /// <exception cref="StartException">Hugepages are required and there are too few.</exception>
    public static List<string> Make(DataplaneConfig config)
    {
        // NUMBER@CPU: main lcore and worker may share a CPU.
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

    /// <summary>Whether a device takes its packets from an interface of a Linux kernel (or is one).</summary>
    public static bool IsOnKernel(string device) => s_onKernel.Any(d => device.StartsWith(d, StringComparison.Ordinal));

    /// <summary>A PCI address with its domain, without device arguments.</summary>
    public static string FullPci(string device) => NameOf(device) is string address && address.Count(c => c == ':') == 1 ? "0000:" + address : NameOf(device);

    /// <summary>Name by which DPDK knows the device: without arguments.</summary>
    public static string NameOf(string device) => device.Split(',')[0];

    /// <summary>Value of a device argument, or null.</summary>
    public static string? Argument(string device, string name) =>
        device.Split(',').Skip(1).Where(a => a.StartsWith(name + "=", StringComparison.Ordinal)).Select(a => a[(name.Length + 1)..]).FirstOrDefault();

    private static string[] Memory(DataplaneConfig config)
    {
        string size = config.MemoryMiB.ToString(CultureInfo.InvariantCulture);
        long freeMiB = FreeHugepagesMiB();
        if (config.Hugepages == "required" && freeMiB < config.MemoryMiB)
        {
            throw new StartException($"hugepages is \"required\", memoryMiB {config.MemoryMiB} are needed and {freeMiB} MiB of hugepages are free: reserve more (sysctl vm.nr_hugepages) or say \"auto\".");
        }

        // Either way nothing is shared with other processes, so that nothing is left behind, whatever ends this one.
        return config.Hugepages != "never" && freeMiB >= config.MemoryMiB ? ["--in-memory", "-m", size] : ["--no-huge", "--no-shconf", "-m", size];
    }

    private static long FreeHugepagesMiB()
    {
        long sumKiB = 0;
        foreach (string folder in Directory.Exists(HugepagesFolder) ? Directory.GetDirectories(HugepagesFolder, "hugepages-*kB") : [])
        {
            long pageKiB = long.Parse(Path.GetFileName(folder)["hugepages-".Length..^"kB".Length], CultureInfo.InvariantCulture);
            sumKiB += pageKiB * long.Parse(File.ReadAllText(Path.Combine(folder, "free_hugepages")), CultureInfo.InvariantCulture);
        }

        return sumKiB / 1024;
    }
}
