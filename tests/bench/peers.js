// nodemailer's pool, alone and behind BullMQ: node peers.js WHO CORPUS.json MAILS PORT REDIS_PORT
// CORPUS.json has the templates; the people are computed as in corpus.py. Prints one JSON line.
'use strict'
const { readFileSync } = require('fs')
const nodemailer = require('nodemailer')

const [who, corpusFile, mailCount, port, redisPort] = process.argv.slice(2)
const corpus = JSON.parse(readFileSync(corpusFile, 'utf8'))
const MAILS = Number(mailCount)
const CONNECTIONS = 8

const padded = (number, width) => String(number).padStart(width, '0')

function person (n) {
  const token = Number((BigInt(n) * 2654435761n) % 4294967296n).toString(16)
  return {
    address: `person${n}@d${n % 997}.example.org`,
    unsubscribe_url: `https://www.harbour.example/u/${padded(token, 8)}${padded(n.toString(16), 8)}`,
    first_name: corpus.first_names[n % 10],
    last_name: corpus.last_names[Math.floor(n / 10) % 7],
    city: corpus.cities[n % 9],
    plan: corpus.plans[n % 3],
    amount: `${n % 890 + 10}.${n % 90 + 10}`,
    due: `2027-${padded(n % 12 + 1, 2)}-${padded(n % 28 + 1, 2)}`,
    number: `HG-${padded(n, 8)}`
  }
}

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' }
const escaped = text => text.replace(/[&<>"']/g, character => ESCAPES[character])

function filler (source, escape = text => text) {
  const parts = source.split(/\{\{ (\w+) \}\}/)
  return values => parts.map((part, n) => n % 2 ? escape(values[part]) : part).join('')
}

const subject = filler(corpus.subject)
const text = filler(corpus.text)
const html = filler(corpus.html, escaped)
const unsubscribe = filler(corpus.list_unsubscribe)

const mail = to => ({
  from: corpus.from,
  to: to.address,
  envelope: { from: corpus.sender, to: [to.address] },
  subject: subject(to),
  text: text(to),
  html: html(to),
  headers: {
    'List-Unsubscribe': unsubscribe(to),
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click'
  }
})

const transport = nodemailer.createTransport({
  host: '127.0.0.1',
  port: Number(port),
  secure: false,
  ignoreTLS: true,
  pool: true,
  maxConnections: CONNECTIONS,
  maxMessages: Infinity
})

// from /proc: resourceUsage().maxRSS begins with the size of whoever started this process
function peakMb () {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
}

function report (begin, cpuBefore) {
  const cpu = process.cpuUsage(cpuBefore)
  console.log(JSON.stringify({
    seconds: Number(process.hrtime.bigint() - begin) / 1e9,
    cpu_seconds: (cpu.user + cpu.system) / 1e6,
    rss_mb: peakMb()
  }))
}

async function pool () {
  const begin = process.hrtime.bigint()
  const cpu = process.cpuUsage()
  let next = 0
  const lane = async () => {
    while (next < MAILS) await transport.sendMail(mail(person(next++)))
  }
  await Promise.all(Array.from({ length: CONNECTIONS * 2 }, lane))
  report(begin, cpu)
}

async function bullmq () {
  const { Queue, Worker } = require('bullmq')
  const connection = { host: '127.0.0.1', port: Number(redisPort), maxRetriesPerRequest: null }
  const queue = new Queue('mails', { connection })
  const opts = { removeOnComplete: true, removeOnFail: true }
  for (let first = 0; first < MAILS; first += 1000) {
    const size = Math.min(1000, MAILS - first)
    await queue.addBulk(Array.from({ length: size }, (_, n) => (
      { name: 'mail', data: person(first + n), opts }
    )))
  }
  const begin = process.hrtime.bigint()
  const cpu = process.cpuUsage()
  let done = 0
  await new Promise(resolve => {
    const worker = new Worker('mails', async job => { await transport.sendMail(mail(job.data)) }, {
      connection,
      concurrency: CONNECTIONS * 2
    })
    worker.on('completed', () => { if (++done === MAILS) resolve() })
  })
  report(begin, cpu)
}

({ nodemailer: pool, bullmq })[who]().then(() => { transport.close(); process.exit(0) })
