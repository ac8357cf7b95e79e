namespace Forwarder.Vrrp;

/// <summary>One thing wrong with a configuration: which field, what it is and what is allowed.</summary>
public readonly record struct VrrpConfigProblem(string Field, string Message);
