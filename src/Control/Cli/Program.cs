using System.CommandLine;
using Forwarder.Cli;

// Under the name ipvsadm the whole command line is ipvsadm's. The name is that of the call, not of the file behind a link.
string called = Path.GetFileName(File.ReadAllText("/proc/self/cmdline").Split('\0')[0]);
try
{
    if (IpvsadmCall.Find(called, args) is { } call)
    {
        using ApiClient api = new(call.Socket);
        new IpvsadmCommand(api, Console.In, Console.Out).Run(call.Arguments);
        return 0;
    }

    ParseResult parsed = Commands.Root().Parse(args);
    int exitCode = parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    return parsed.Errors.Count > 0 ? CliException.Usage : exitCode;
}
catch (CliException e)
{
    Console.Error.WriteLine(e.Message);
    return e.ExitCode;
}
