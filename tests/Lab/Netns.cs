using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Forwarder.Lab;

/// <summary>One network namespace of the lab.</summary>
public sealed class Netns
{
    private const int CloneNewNet = 0x4000_0000;   // <sched.h>

    private Netns(string name) => Name = name;

    /// <summary>Name as in ip-netns(8).</summary>
    public string Name { get; }

    /// <summary>Makes a namespace with its loopback up.</summary>
    public static Netns Create(string name)
    {
        Shell.Run($"ip netns add {name}");
        Shell.Run($"ip -n {name} link set lo up");
        return new Netns(name);
    }

    /// <summary>Runs a command in the namespace; throws when it fails.</summary>
    public string Run(string command) => Shell.Run($"ip netns exec {Name} {command}");

    /// <summary>Runs a command in the namespace.</summary>
    public CommandResult Try(string command) => Shell.Try($"ip netns exec {Name} {command}");

    /// <summary>ip(8) on the namespace.</summary>
    public string Ip(string arguments) => Shell.Run($"ip -n {Name} {arguments}");

    /// <summary>Starts a thread whose sockets belong to the namespace. It must not be one of the pool: it keeps the namespace.</summary>
    public Thread StartThread(Action action)
    {
        Thread thread = new(() =>
        {
            Enter();
            action();
        }) { IsBackground = true };
        thread.Start();
        return thread;
    }

    /// <summary>Ends all processes in a namespace and deletes it.</summary>
    public static void Delete(string name)
    {
        foreach (string pid in Shell.Try($"ip netns pids {name}").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            Shell.Try($"kill -9 {pid}");
        }

        Shell.Try($"ip netns del {name}");
    }

    private void Enter()
    {
        using SafeFileHandle file = File.OpenHandle($"/run/netns/{Name}");
        if (SetNetns(file, CloneNewNet) != 0)
        {
            throw new InvalidOperationException($"setns to {Name}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static extern int SetNetns(SafeFileHandle file, int kind);
}
