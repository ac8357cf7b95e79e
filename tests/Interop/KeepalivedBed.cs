using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>Two namespaces on one wire: ours, and one with Debian's keepalived.</summary>
public sealed class KeepalivedBed : IDisposable
{
    public const string OurDevice = "o0", TheirDevice = "k0", OurMac = "02:00:00:00:77:01", TheirMac = "02:00:00:00:77:02";

    private readonly KeepalivedCase _case;
    private readonly Instance _instance = Instance.Create();
    private System.Diagnostics.Process? _keepalived, _capture;

    public KeepalivedBed(KeepalivedCase agreed)
    {
        _case = agreed;
        try
        {
            Ours = _instance.Netns("ours");
            Theirs = _instance.Netns("theirs");
            Shell.Run($"ip link add {OurDevice} netns {Ours.Name} type veth peer name {TheirDevice} netns {Theirs.Name}");
            Connect(Ours, OurDevice, 1);
            Connect(Theirs, TheirDevice, 2);
        }
        catch
        {
            _instance.Dispose();
            throw;
        }
    }

    public Netns Ours { get; } = null!;

    public Netns Theirs { get; } = null!;

    /// <summary>keepalived is the master: it has the addresses, on its interface or that of its virtual MAC.</summary>
    public bool TheyOwn => _case.Vips.All(vip => Theirs.Ip("addr show").Contains($" {vip}/", StringComparison.Ordinal));

    /// <summary>What keepalived said.</summary>
    public string Log => File.Exists(PathOf("log")) ? File.ReadAllText(PathOf("log")) : "";

    public void StartKeepalived(byte priority, string more = "")
    {
        File.WriteAllText(PathOf("conf"), _case.Theirs(priority, TheirDevice, more));
        string command = $"exec keepalived -P -n -l -D -f {PathOf("conf")} --pid {PathOf("pid")} --vrrp_pid {PathOf("vrrp.pid")} >>{PathOf("log")} 2>&1";
        _keepalived = System.Diagnostics.Process.Start("ip", ["netns", "exec", Theirs.Name, "sh", "-c", command]);
    }

    /// <summary>Orderly stop: it resigns.</summary>
    public void TerminateKeepalived()
    {
        Shell.Run($"kill -TERM {_keepalived!.Id}");
        _keepalived.WaitForExit();
    }

    /// <summary>Death without a word. Its child would say goodbye on the parent's death, so it is stopped first.</summary>
    public void KillKeepalived()
    {
        string child = File.ReadAllText(PathOf("vrrp.pid")).Trim();
        Shell.Run($"kill -STOP {child}");
        Shell.Run($"kill -KILL {_keepalived!.Id} {child}");
        _keepalived.WaitForExit();
    }

    /// <summary>Begins a packet capture at keepalived's end of the wire, which <see cref="Dissect"/> ends.</summary>
    public void Capture()
    {
        _capture = System.Diagnostics.Process.Start(
            "ip", ["netns", "exec", Theirs.Name, "tcpdump", "-Z", "root", "-U", "--immediate-mode", "-q", "-n", "-i", TheirDevice, "-w", PathOf("pcap")]);
        Wait.Until(() => File.Exists(PathOf("pcap")) && new FileInfo(PathOf("pcap")).Length >= 24, "tcpdump captures");
    }

    /// <summary>Fields of the captured frames that fit, by an independent dissector (tshark).</summary>
    public IReadOnlyList<string[]> Dissect(string filter, params string[] fields)
    {
        EndCapture();
        return Pcap.Dissect(PathOf("pcap"), filter, fields);
    }

    public void Dispose()
    {
        EndCapture();
        if (_keepalived is { HasExited: false })
        {
            TerminateKeepalived();
        }

        _instance.Dispose();
    }

    private void EndCapture()
    {
        if (_capture is { HasExited: false })
        {
            Shell.Run($"kill -INT {_capture.Id}");
            _capture.WaitForExit();
        }
    }

    private string PathOf(string name) => Path.Combine(_instance.Folder, "keepalived." + name);

    private static void Connect(Netns netns, string device, int host)
    {
        netns.Run($"sysctl -qw net.ipv6.conf.{device}.accept_dad=0");
        netns.Ip($"link set {device} addrgenmode none");
        netns.Ip($"link set {device} address 02:00:00:00:77:0{host}");
        netns.Ip($"link set {device} up");
        netns.Ip($"addr add 10.77.0.{host}/24 dev {device}");
        netns.Ip($"addr add fe80::{host}/64 dev {device} nodad");
    }
}
