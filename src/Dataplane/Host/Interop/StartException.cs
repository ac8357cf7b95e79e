namespace Forwarder.Dataplane;

/// <summary>The dataplane cannot start; the message is for the operator.</summary>
public sealed class StartException(string message) : Exception(message);
