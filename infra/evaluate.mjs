// Asks an evaluator of IAM policies that is not ours what policies allow. It reads
// {"policies": {<name>: <document>}, "questions": [{"policy", "action", "resource",
// "context"}]} and writes the answers, in the same order: "Allowed", "ImplicitlyDenied" or
// "ExplicitlyDenied". A question that makes no sense to it ends it.
import { text } from 'node:stream/consumers'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const account = '111122223333'
const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
const { policies, questions } = JSON.parse(await text(process.stdin))

const answers = []
for (const { policy, action, resource, context } of questions) {
  const result = await runSimulation({
    request: {
      principal: `arn:aws:iam::${account}:role/${policy}`,
      action,
      resource: { resource, accountId: account },
      contextVariables: context ?? {},
    },
    identityPolicies: [{ name: policy, policy: policies[policy] }],
    serviceControlPolicies: [{ orgIdentifier: 'root', policies: [{ name: 'everything', policy: everything }] }],
    resourceControlPolicies: [],
  }, {})
  if (result.resultType === 'error' || result.result?.ignoredContextKeys?.length) {
    throw new Error(JSON.stringify({ policy, action, resource, context, result }))
  }
  answers.push(result.overallResult)
}
console.log(JSON.stringify(answers))
