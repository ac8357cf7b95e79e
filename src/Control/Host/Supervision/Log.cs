namespace Forwarder.Control;

/// <summary>Control's log lines.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Dataplane {Pid} started: {Path}")]
    public static partial void Started(ILogger log, int pid, string path);

    [LoggerMessage(Level = LogLevel.Information, Message = "Attached to dataplane {Pid}")]
    public static partial void Attached(ILogger log, int pid);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Reason}")]
    public static partial void RegionUnusable(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Kind}: {Text}")]
    public static partial void Event(ILogger log, string kind, string text);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Method} {Path} by uid {Uid}, pid {Pid}: {Status}")]
    public static partial void Change(ILogger log, string method, string path, long uid, long pid, int status);

    [LoggerMessage(Level = LogLevel.Error, Message = "{What}")]
    public static partial void Failed(ILogger log, string what, Exception e);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A change is not put in force, what was before stays: {Reason}")]
    public static partial void NotInForce(ILogger log, string reason);
}
