using System.Reflection;
using Xunit.Sdk;

namespace StragglerGuard.Ilgpu.Tests;

/// <summary>A body of tests that several kinds of device share, as the rows of a theory: what is skipped on a machine without the device.</summary>
internal static class SharedBody
{
    /// <summary>Every test of a body, with its arguments.</summary>
    public static IEnumerable<(string Test, object[] Arguments)> TestsOf(Type body)
    {
        foreach (MethodInfo test in body.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
        {
            if (test.GetCustomAttribute<FactAttribute>() is null)
            {
                continue;
            }

            var data = test.GetCustomAttributes<DataAttribute>().ToList();
            foreach (object[] arguments in data.Count == 0 ? [[]] : data.SelectMany(rows => rows.GetData(test)))
            {
                yield return (test.Name, arguments);
            }
        }
    }

    /// <summary>Runs one of them.</summary>
    /// <param name="body">An instance of the body for a device.</param>
    /// <param name="test">Its name.</param>
    /// <param name="arguments">Its arguments.</param>
    public static void Run(object body, string test, object[] arguments)
    {
        MethodInfo method = body.GetType().GetMethod(test)!;
        if (method.ReturnType != typeof(void))
        {
            throw new NotSupportedException($"{test} returns something that nobody waits for");
        }

        method.Invoke(body, BindingFlags.DoNotWrapExceptions, binder: null, arguments, culture: null);
    }
}
