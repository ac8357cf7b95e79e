using System.Diagnostics;
using Forwarder.Abi;

namespace Forwarder.Bench;

/// <summary>Runs a program under the generator.</summary>
public sealed class Runner(Machine machine, BenchOptions options) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("forwarder-bench-").FullName;
    private Process? _process;

    /// <summary>How often a disturbed run is repeated.</summary>
    private const int RepeatsMax = 2;

    /// <summary>A round: each program once. A run that something disturbed, which the generator's own cycles tell whatever the result, is repeated.</summary>
    public Dictionary<MeasuredProgram, RunResult> RunAll(IEnumerable<MeasuredProgram> programs, CaseResult before)
    {
        Dictionary<MeasuredProgram, RunResult> round = [];
        foreach (MeasuredProgram program in programs)
        {
            RunResult run = Run(program, before.Case);
            for (int repeat = 0; repeat < RepeatsMax && before.IsDisturbed(program, run, round); repeat++)
            {
                run = Run(program, before.Case);
            }

            round[program] = run;
        }

        return round;
    }

    /// <summary>Runs the program once.</summary>
    /// <exception cref="BenchException">It ended without a result, or what it sent was wrong.</exception>
    public RunResult Run(MeasuredProgram program, BenchCase @case)
    {
        string result = Path.Combine(_folder, "result.json"), log = Path.Combine(_folder, "log");
        File.Delete(result);
        (string path, List<string> arguments) = program.Command(machine, @case, options, _folder);
        // Through a shell, so that the output goes to a file and the preload into this program alone.
        ProcessStartInfo start = new("/bin/sh", ["-c", $"LD_PRELOAD='{machine.Native("libforwarder_generator.so")}' exec \"$0\" \"$@\" >'{log}' 2>&1", path, .. arguments]) { RedirectStandardInput = true };
        start.Environment["FORWARDER_BENCH"] = $"out={result},flows={@case.Flows},order={@case.Order},proto={(options.Tcp ? "tcp" : "udp")},ip={@case.Method.IpVersion},ways={@case.Ways},"
            + $"replies-to={(@case.Method.Forwarding == ForwardingMethod.FullNat ? "sources" : "clients")},expect={program.Expect ?? @case.Method.Expect},slices={options.Slices}";
        if (machine.Hugepages)
        {
            machine.Reserve(@case.MemoryMiB + 16);
        }

        _process = Process.Start(start)!;
        int timeoutMs = 60_000 + (@case.Flows / 100);
        if (!_process.WaitForExit(timeoutMs))
        {
            Kill();
            throw new BenchException($"{program.Name}, {@case}, has no result after {timeoutMs / 1000} s. Its last words:\n{Tail(log)}");
        }

        _process = null;
        if (!File.Exists(result))
        {
            throw new BenchException($"{program.Name}, {@case}, ended without a result. Its last words:\n{Tail(log)}");
        }

        RunResult run = RunResult.Read(result);
        if (program.IsDataplane)
        {
            run = run with { FlowsCreated = Director.FlowsCreated(_folder) };
        }

        Check(program, @case, run);
        return run;
    }

    /// <summary>Ends a program that still runs and removes the files.</summary>
    public void Dispose()
    {
        Kill();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Whether the program did what is measured.</summary>
    private static void Check(MeasuredProgram program, BenchCase @case, RunResult run)
    {
        string who = $"{program.Name}, {@case}";
        if (run.Wrong != 0 || run.Verified == 0)
        {
            throw new BenchException($"{who}: {run.Wrong} of {run.Verified} packets that were looked at were not as expected.");
        }

        if (program.IsDirector && (run.FlowsCreated < @case.FlowsCreatedMin || run.FlowsCreated > @case.Flows))
        {
            throw new BenchException($"{who}: its flow table took in {run.FlowsCreated} flows.");
        }

        if (@case.Ways == 2 && run.ReplyShare is < 0.48 or > 0.52)
        {
            throw new BenchException($"{who}: {run.ReplyShare:P1} of the packets were servers' answers, not half: packets are lost.");
        }
    }

    private void Kill()
    {
        if (_process is { HasExited: false } process)
        {
            process.Kill();
            process.WaitForExit();
        }

        _process = null;
    }

    private static string Tail(string log) => File.Exists(log) ? string.Join('\n', File.ReadLines(log).TakeLast(12)) : "(none)";
}
