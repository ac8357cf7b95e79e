using System.Diagnostics;
using System.Net.Sockets;
using Forwarder.Lab;

namespace Forwarder.Nic.Tests;

/// <summary>
/// A QEMU machine with an emulated NIC, mostly an Intel 82574L (e1000e), whose userland is the host's, read-only. No KVM: all of it is
/// emulated, so it runs wherever QEMU does.
/// </summary>
public sealed class GuestMachine : IDisposable
{
    /// <summary>Name of the NIC's network in QEMU's monitor.</summary>
    public const string NetworkName = "lan0";

    private const int MemoryMiB = 1024;
    private const int LifetimeMaxS = 600;
    private static readonly TimeSpan s_bootTimeout = TimeSpan.FromSeconds(90);

    private readonly DirectoryInfo _folder;
    private readonly Process _process;

    private GuestMachine(DirectoryInfo folder, Process process)
    {
        _folder = folder;
        _process = process;
        Shell = null!;
        Monitor = null!;
    }

    /// <summary>Runs commands in the guest.</summary>
    public GuestShell Shell { get; private set; }

    /// <summary>Changes the machine from outside.</summary>
    public MachineMonitor Monitor { get; private set; }

    /// <summary>What the guest's kernel and first process wrote.</summary>
    public string Console => File.Exists(ConsolePath) ? File.ReadAllText(ConsolePath) : "";

    private string ConsolePath => Path.Combine(_folder.FullName, "console.log");

    /// <summary>Boots a machine and waits for its agent.</summary>
    /// <param name="networkNamespace">Where the NIC's TAP is made.</param>
    /// <param name="tap">Name of the TAP.</param>
    /// <param name="mac">MAC address of the NIC.</param>
    /// <param name="binding">How the guest will hand the NIC to DPDK.</param>
    /// <param name="tapMade">Called when the TAP exists, while the guest boots.</param>
    /// <exception cref="IOException">The guest did not come up; the message has its console's text.</exception>
    public static GuestMachine Boot(string networkNamespace, string tap, string mac, NicBinding binding, Action tapMade)
    {
        ArgumentNullException.ThrowIfNull(binding);
        ArgumentNullException.ThrowIfNull(tapMade);
        string image = GuestImage.Make();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("forwarder-nic-");
        var machine = new GuestMachine(folder, Start(folder, image, networkNamespace, tap, mac, binding));
        try
        {
            // QEMU makes the TAP after it has seen somebody at the shell's socket.
            machine.Shell = new GuestShell(machine.Connect("shell.sock"));
            machine.Monitor = new MachineMonitor(machine.Connect("monitor.sock"));
            tapMade();
            machine.Shell.WaitReady(s_bootTimeout);
            return machine;
        }
        catch (Exception e)
        {
            string text = machine.Console;
            machine.Dispose();
            throw new IOException($"the guest did not come up: {e.Message}; its console: {text}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            Shell?.Quit();
        }
        catch (IOException)
        {
            // The guest is gone already.
        }

        if (!_process.WaitForExit(5000))
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        Shell?.Dispose();
        Monitor?.Dispose();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private static Process Start(DirectoryInfo folder, string image, string networkNamespace, string tap, string mac, NicBinding binding)
    {
        // The agent powers the guest off when its host goes away; the time limit is for a guest that hangs.
        var start = new ProcessStartInfo("timeout") { RedirectStandardInput = true };
        string[] common =
        [
            "--kill-after=5", $"{LifetimeMaxS}", "ip", "netns", "exec", networkNamespace,
            "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", $"{1 + binding.Queues}", "-m", $"{MemoryMiB}",
            "-nodefaults", "-no-reboot", "-display", "none", "-serial", $"file:{folder.FullName}/console.log",
            "-kernel", $"{image}/vmlinuz", "-initrd", $"{image}/initrd.gz",
            "-append", $"console=ttyS0 quiet panic=-1 FORWARDER_AGENT={Path.Combine(Repository.Root, "tests/Nic/guest/agent")} {binding.KernelArguments}",
            "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
            "-chardev", $"socket,id=shell,path={folder.FullName}/shell.sock,server=on,wait=off",
            "-qmp", $"unix:{folder.FullName}/monitor.sock,server=on,wait=off",
        ];
        // An IOMMU must be named before the devices behind it.
        string[] devices =
        [
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=shell,name=forwarder",
            "-netdev", $"tap,id={NetworkName},ifname={tap},script=no,downscript=no{(binding.Queues > 1 ? $",queues={binding.Queues},vhost=off" : "")}", "-device", $"{binding.Device},netdev={NetworkName},mac={mac}",
        ];
        foreach (string argument in (string[])[.. common, .. binding.MachineArguments, .. devices])
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    private Socket Connect(string name)
    {
        string path = Path.Combine(_folder.FullName, name);
        long started = Stopwatch.GetTimestamp();
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
                return socket;
            }
            catch (SocketException e)
            {
                socket.Dispose();
                if (_process.HasExited || Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(15))
                {
                    throw new IOException($"QEMU does not answer at {name}: {e.Message}", e);
                }

                Thread.Sleep(20);
            }
        }
    }
}
