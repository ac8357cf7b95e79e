using System.CommandLine;
using Forwarder.Cli;

// Under the name ipvsadm the whole command line is ipvsadm's. The name is that of the call, not of the file behind a link.
string called = Path.GetFileName(File.ReadAllText("/proc/self/cmdline").Split('\0')[0]);
try
{
    bool asIpvsadm = called == "ipvsadm";
    if (asIpvsadm || args is ["ipvsadm", ..])
    {
        using ApiClient api = new(null);
        new IpvsadmCommand(api, Console.In, Console.Out).Run(asIpvsadm ? args : args[1..]);
        return 0;
    }

    return Commands.Root().Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (CliException e)
{
    Console.Error.WriteLine(e.Message);
    return e.ExitCode;
}
