using System.Diagnostics;
using System.Globalization;

namespace Forwarder.Lab;

/// <summary>
/// A host with a kernel of its own: user-mode Linux (Debian's package), which has IPVS where the machine's kernel has not.
/// Its file system is the machine's, read-only; its port vec0 is a tap on the lab's switch. It runs in the switch's
/// namespace and ends with it, so the lab's sweep finds what a killed process has left.
/// </summary>
public sealed class UmlGuest : IDisposable
{
    /// <summary>The guest's port.</summary>
    public const string Port = "vec0";

    private const string Kernel = "/usr/bin/linux.uml", Modules = "/usr/lib/uml/modules", Ready = "GUEST-READY", End = "GUEST-END ";
    private const int MemoryMiB = 128, StartTimeoutMs = 60_000, CommandTimeoutMs = 20_000;
    private readonly Process _kernel;
    private readonly Lock _lock = new();
    private readonly List<string> _console = [];

    /// <summary>Boots it with a port of this MAC address on bridge "lan" of a switch; the port there is called p-NAME. Ready when this returns.</summary>
    /// <param name="modules">Kernel modules to load.</param>
    public UmlGuest(Netns network, string name, string mac, string folder, params string[] modules)
    {
        Folder = Directory.CreateDirectory(Path.Combine(folder, name)).FullName;
        Tap = "p-" + name;
        network.Ip($"tuntap add dev {Tap} mode tap");
        network.Ip($"link set {Tap} master lan up");
        string script = Path.Combine(Folder, "init.sh");
        File.WriteAllText(script, Script(mac, modules));
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Directory.CreateDirectory(Path.Combine(Folder, "modules/lib"));
        File.CreateSymbolicLink(Path.Combine(Folder, "modules/lib/modules"), Modules);
        // A session of its own: the kernel is several processes, which Kill reaches by their group.
        string[] words = ["netns", "exec", network.Name, "env", "TMPDIR=/dev/shm", $"LD_PRELOAD={Preload()}", "setsid", Kernel, $"mem={MemoryMiB}M", "rootfstype=hostfs", "rootflags=/", "ro",
            $"init={script}", "con=null", "con0=fd:0,fd:1", "quiet", "panic=-1", $"uml_dir={Folder}/", $"umid={name}", $"vec0:transport=tap,ifname={Tap},depth=128,gro=0"];
        _kernel = Process.Start(new ProcessStartInfo("ip", words) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        _kernel.BeginErrorReadLine();
        try
        {
            ReadUntil(Ready, StartTimeoutMs);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A folder that the guest can read.</summary>
    public string Folder { get; }

    /// <summary>Its port on the switch.</summary>
    public string Tap { get; }

    /// <summary>It has not ended.</summary>
    public bool IsRunning => !_kernel.HasExited;

    /// <summary>Runs a command line of its shell and returns what it wrote, errors too; throws when it fails.</summary>
    public string Run(string command)
    {
        CommandResult result = Try(command);
        return result.ExitCode == 0 ? result.Output : throw new InvalidOperationException($"guest: {command}: exit code {result.ExitCode}: {result.Output}");
    }

    /// <summary>Runs a command line of its shell; what it wrote, errors too, is in the output.</summary>
    public CommandResult Try(string command)
    {
        lock (_lock)
        {
            _kernel.StandardInput.WriteLine(command);
            _kernel.StandardInput.Flush();
            _console.Clear();
            string end = ReadUntil(End, CommandTimeoutMs);
            string output = string.Join('\n', _console).TrimEnd('\n');
            return new CommandResult(int.Parse(end[End.Length..], CultureInfo.InvariantCulture), output, "");
        }
    }

    /// <summary>The power fails: all of its processes end at once, and its link goes down.</summary>
    public void Kill()
    {
        if (!_kernel.HasExited)
        {
            Shell.Try($"kill -KILL -- -{_kernel.Id}");
            _kernel.WaitForExit();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Kill();
        _kernel.Dispose();
    }

    /// <summary>Reads console lines until one starts with a mark, and returns it.</summary>
    private string ReadUntil(string mark, int timeoutMs)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (true)
        {
            Task<string?> read = _kernel.StandardOutput.ReadLineAsync();
            if (!read.Wait(Math.Max(0, timeoutMs - (int)clock.ElapsedMilliseconds)))
            {
                throw new TimeoutException($"guest: not within {timeoutMs} ms: {mark}:\n{string.Join('\n', _console)}");
            }

            string line = read.Result ?? throw new InvalidOperationException($"guest: ended before {mark}:\n{string.Join('\n', _console)}");
            if (line.StartsWith(mark, StringComparison.Ordinal))
            {
                return line;
            }

            _console.Add(line);
        }
    }

    /// <summary>What makes it run on CPUs with AMX, see the source.</summary>
    private string Preload()
    {
        string library = Path.Combine(Folder, "uml_ptrace.so");
        Shell.Run("cc", "-O2", "-shared", "-fPIC", "-o", library, Path.Combine(Repository.Root, "tests/Lab/native/uml_ptrace.c"));
        return library;
    }

    /// <summary>Process 1 of the guest: mounts, modules, the port; then a shell that says when each line is done.</summary>
    private string Script(string mac, string[] modules) => $$"""
        #!/bin/bash
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin
        mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs run /run
        stty -F /dev/console -echo -onlcr; echo 1 >/proc/sys/kernel/printk   # the console is for answers
        for module in {{string.Join(' ', modules)}}; do modprobe -d {{Folder}}/modules $module || exit 1; done
        ip link set lo up; ip link set {{Port}} address {{mac}} up
        echo {{Ready}}
        while read -r line; do eval "$line" 2>&1 </dev/null; code=$?; echo; echo "{{End}}$code"; done
        """;
}
