using System.Text.Json;
using Forwarder.Abi;

namespace Forwarder.Dataplane;

/// <summary>Reads and checks the configuration that control has written.</summary>
public static class ConfigReader
{
    /// <summary>Reads a configuration file; its values are not checked yet, so that the region can be opened first and told what is wrong.</summary>
    /// <exception cref="StartException">It cannot be read, or is not such a file.</exception>
    public static DataplaneConfig Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), DataplaneConfigJson.Default.DataplaneConfig) ?? throw new StartException($"{path} is empty.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new StartException($"{path} cannot be read: {e.Message}");
        }
    }

    /// <summary>Checks the values.</summary>
    /// <exception cref="StartException">What is wrong, where, and what is allowed.</exception>
    public static void Check(DataplaneConfig config)
    {
        Demand(config.Ports.Count is > 0 and <= Limits.PortsMax, $"ports: {config.Ports.Count} given, 1 to {Limits.PortsMax} allowed.");
        Demand(config.WorkerCpus.Count is > 0 and <= Limits.WorkersMax, $"workerCpus: {config.WorkerCpus.Count} given, 1 to {Limits.WorkersMax} allowed.");
        Demand(config.Hugepages is "auto" or "required" or "never", $"hugepages: \"{config.Hugepages}\"; allowed are auto, required, never.");
        Demand(config.Idle is "auto" or "spin" or "backoff", $"idle: \"{config.Idle}\"; allowed are auto, spin, backoff.");
        Demand(config.FlowsPerWorker is >= Limits.FlowsPerWorkerMin and <= Limits.FlowsPerWorkerMax, $"flowsPerWorker: {config.FlowsPerWorker}; allowed are {Limits.FlowsPerWorkerMin} to {Limits.FlowsPerWorkerMax}.");
        foreach (int cpu in config.WorkerCpus.Append(config.HousekeepingCpu))
        {
            Demand(cpu >= 0 && Directory.Exists($"/sys/devices/system/cpu/cpu{cpu}"), $"workerCpus/housekeepingCpu: this machine has no CPU {cpu}.");
        }

        for (int i = 0; i < config.Ports.Count; i++)
        {
            CheckPort(config.Ports[i], $"ports[{i}] ({config.Ports[i].Name})");
        }

        MbufPlan plan = MbufPlan.For(config.Ports, config.WorkerCpus.Count);
        Demand(config.Mbufs >= plan.Total, $"mbufs: {config.Mbufs} are too few; needed are {plan}.");
    }

    private static void CheckPort(PortConfig port, string where)
    {
        Demand(port.Device.Length > 0, $"{where}.device: empty.");
        string? kernelInterface = port.Device.Split(',').Skip(1).Where(a => a.StartsWith("iface=", StringComparison.Ordinal)).Select(a => a["iface=".Length..]).FirstOrDefault();
        bool onKernelInterface = port.Device.StartsWith("net_af_packet", StringComparison.Ordinal) || port.Device.StartsWith("net_af_xdp", StringComparison.Ordinal);
        Demand(!onKernelInterface || kernelInterface != null, $"{where}.device: \"{port.Device}\" needs an argument iface=NAME.");
        Demand(!onKernelInterface || Directory.Exists($"/sys/class/net/{kernelInterface}"), $"{where}.device: there is no network interface {kernelInterface}.");
        Demand(!EalArguments.IsPci(port.Device) || Directory.Exists($"/sys/bus/pci/devices/{FullPci(port.Device)}"), $"{where}.device: there is no PCI device {port.Device}.");
    }

    private static string FullPci(string address) => address.Count(c => c == ':') == 1 ? "0000:" + address : address;

    private static void Demand(bool condition, string message)
    {
        if (!condition)
        {
            throw new StartException(message);
        }
    }
}
