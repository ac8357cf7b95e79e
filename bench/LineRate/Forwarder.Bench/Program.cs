using System.Runtime.InteropServices;
using Forwarder.Bench;

// 0 = measured; 1 = could not measure or a program did wrong; 2 = wrong arguments.
BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (BenchException e)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return 2;
}

try
{
    IReadOnlyList<BenchCase> cases = options.Cases;
    long memoryMiB = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20;
    foreach (BenchCase tooLarge in cases.Where(c => c.MemoryMiB * 2 > memoryMiB))
    {
        Console.Error.WriteLine($"bench: {tooLarge} is left out: {tooLarge.MemoryMiB} MiB are more than half of this machine's memory.");
    }

    cases = [.. cases.Where(c => c.MemoryMiB * 2 <= memoryMiB)];
    using Machine machine = new(cases.Max(c => c.MemoryMiB) + 64);
    using Runner runner = new(machine, options);
    void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        runner.Dispose();
        machine.Dispose();
        Environment.Exit(130);
    }

    using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    Dictionary<string, string> facts = machine.Facts();
    Report.Facts(facts);
    List<CaseResult> results = [];
    foreach (BenchCase @case in cases)
    {
        CaseResult result = new(@case, @case.Of(options.Programs));
        for (int round = 0; round < options.Rounds; round++)
        {
            result.Add(runner.RunAll(result.Programs.Prepend(MeasuredProgram.Floor), result));
        }

        Report.Table(result);
        results.Add(result);
    }

    if (options.JsonPath != null)
    {
        File.WriteAllText(options.JsonPath, Report.Json(options, facts, results) + "\n");
        Console.WriteLine($"\nJSON: {options.JsonPath}");
    }

    return results.TrueForAll(r => r.SameServers != false) ? 0 : 1;
}
catch (BenchException e)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return 1;
}
