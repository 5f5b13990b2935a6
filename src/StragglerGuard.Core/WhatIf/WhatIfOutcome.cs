namespace StragglerGuard.Core.WhatIf;

/// <summary>Either a report, or the reason why there is none.</summary>
/// <param name="Report">The result, or null.</param>
/// <param name="Fault">Why the trace can't be judged, in one sentence; null where it was.</param>
public sealed record WhatIfOutcome(WhatIfReport? Report, string? Fault);
